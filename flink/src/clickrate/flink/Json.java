package clickrate.flink;

/**
 * JSON in bytes, one pass and without objects: checks the grammar as {@code JSON.parse} does, and
 * knows where values begin and end. A position of -1 means: this is not JSON.
 */
final class Json {
  private Json() {}

  static int skipSpace(byte[] b, int at) {
    while (at < b.length) {
      byte c = b[at];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') break;
      at++;
    }
    return at;
  }

  /** Behind the string that begins with the quote at {@code at}. */
  static int skipString(byte[] b, int at) {
    for (at++; at < b.length; at++) {
      byte c = b[at];
      if (c == '"') return at + 1;
      if (c >= 0 && c < 0x20) return -1;
      if (c != '\\') continue;
      if (++at >= b.length) return -1;
      switch (b[at]) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
          break;
        case 'u':
          for (int end = at + 4; at < end; ) if (++at >= b.length || hex(b[at]) < 0) return -1;
          break;
        default:
          return -1;
      }
    }
    return -1;
  }

  static int hex(byte c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  }

  /** Behind the value at {@code at}; lists and objects of any depth, without recursion. */
  static int skipValue(byte[] b, int at) {
    java.util.BitSet isObject = null;
    int depth = 0;
    while (true) {
      at = skipSpace(b, at);
      if (at >= b.length) return -1;
      byte c = b[at];
      boolean opened = c == '{' || c == '[';
      if (opened) {
        if (isObject == null) isObject = new java.util.BitSet();
        isObject.set(depth++, c == '{');
        at = skipSpace(b, at + 1);
        boolean isEmpty = at < b.length && b[at] == (c == '{' ? '}' : ']');
        if (!isEmpty) {
          if (c == '{' && (at = skipKey(b, at)) < 0) return -1;
          continue;
        }
      } else if ((at = skipScalar(b, at)) < 0) return -1;
      // Behind a value, or on the end of an empty list or object.
      while (depth > 0) {
        at = skipSpace(b, at);
        if (at >= b.length) return -1;
        boolean inObject = isObject.get(depth - 1);
        if (b[at] == ',') {
          at = skipSpace(b, at + 1);
          if (inObject && (at = skipKey(b, at)) < 0) return -1;
          break;
        }
        if (b[at] != (inObject ? '}' : ']')) return -1;
        at++;
        depth--;
      }
      if (depth == 0) return at;
    }
  }

  /** Behind a key and its colon. */
  static int skipKey(byte[] b, int at) {
    if (at >= b.length || b[at] != '"') return -1;
    at = skipString(b, at);
    if (at < 0) return -1;
    at = skipSpace(b, at);
    return at < b.length && b[at] == ':' ? at + 1 : -1;
  }

  private static int skipScalar(byte[] b, int at) {
    switch (b[at]) {
      case '"': return skipString(b, at);
      case 't': return skipWord(b, at, "true");
      case 'f': return skipWord(b, at, "false");
      case 'n': return skipWord(b, at, "null");
      default: return skipNumber(b, at);
    }
  }

  private static int skipWord(byte[] b, int at, String word) {
    if (at + word.length() > b.length) return -1;
    for (int n = 0; n < word.length(); n++) if (b[at + n] != word.charAt(n)) return -1;
    return at + word.length();
  }

  private static int skipNumber(byte[] b, int at) {
    if (b[at] == '-') at++;
    if (at >= b.length || !isDigit(b[at])) return -1;
    at = b[at] == '0' ? at + 1 : skipDigits(b, at);
    if (at < b.length && b[at] == '.' && (at = skipDigits(b, at + 1)) < 0) return -1;
    if (at < b.length && (b[at] == 'e' || b[at] == 'E')) {
      at++;
      if (at < b.length && (b[at] == '+' || b[at] == '-')) at++;
      at = skipDigits(b, at);
    }
    return at;
  }

  /** Behind at least one digit. */
  private static int skipDigits(byte[] b, int at) {
    int start = at;
    while (at < b.length && isDigit(b[at])) at++;
    return at == start ? -1 : at;
  }

  private static boolean isDigit(byte c) {
    return c >= '0' && c <= '9';
  }

  /** The text of the string between its quotes, in bytes that were checked. */
  static String text(byte[] b, int start, int end) {
    int escape = start;
    while (escape < end && b[escape] != '\\') escape++;
    if (escape == end) return new String(b, start, end - start, java.nio.charset.StandardCharsets.UTF_8);
    StringBuilder text = new StringBuilder();
    int plain = start;
    for (int at = escape; at < end; at++) {
      if (b[at] != '\\') continue;
      text.append(new String(b, plain, at - plain, java.nio.charset.StandardCharsets.UTF_8));
      at++;
      if (b[at] == 'u') {
        text.append((char) (hex(b[at + 1]) << 12 | hex(b[at + 2]) << 8 | hex(b[at + 3]) << 4 | hex(b[at + 4])));
        at += 4;
      } else text.append(escaped(b[at]));
      plain = at + 1;
    }
    return text.append(new String(b, plain, end - plain, java.nio.charset.StandardCharsets.UTF_8)).toString();
  }

  private static char escaped(byte c) {
    switch (c) {
      case 'b': return '\b';
      case 'f': return '\f';
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      default: return (char) c;
    }
  }
}
