package clickrate.flink;

import java.nio.charset.StandardCharsets;

/**
 * One record read into fields: the same rules, reasons and order as {@code src/decode/reference.ts};
 * both are held to one corpus. One object is used for record after record.
 */
final class Event {
  static final int MAX_EVENT_BYTES = 65_536;
  static final int MAX_PRODUCT_ID_BYTES = 256;
  private static final double MAX_SAFE = 9_007_199_254_740_991d;
  /** Of a time: the difference of two is exact too. */
  private static final double MAX_TIME = 4_503_599_627_370_496d;
  private static final byte[] PRODUCT_ID = ascii("product_id");
  private static final byte[] TIMESTAMP = ascii("timestamp");
  private static final byte[] EVENT_TYPE = ascii("event_type");
  private static final byte[] EVENT_ID = ascii("event_id");
  private static final byte[] IMPRESSION = ascii("\"impression\"");
  private static final byte[] CLICK = ascii("\"click\"");

  /** Why it cannot be counted; null: it can, as far as the record alone says. */
  String reason;
  /** Epoch milliseconds; only where {@link #hasTime}. */
  long time;
  boolean hasTime;
  String product;
  boolean isClick;
  /** Null: it has none. */
  String eventId;

  private byte[] bytes;
  /** Where the values of known fields begin and end; 0: there is none. */
  private int productAt, productEnd, timeAt, timeEnd, typeAt, typeEnd, idAt, idEnd;

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** Reads the record; null (a record without a value) is not JSON. */
  Event read(byte[] record) {
    bytes = record;
    hasTime = isClick = false;
    product = eventId = null;
    productAt = timeAt = typeAt = idAt = 0;
    reason = judge();
    return this;
  }

  private String judge() {
    if (bytes == null) return "not_json";
    if (bytes.length > MAX_EVENT_BYTES) return "too_large";
    if (!Utf8.isValid(bytes)) return "not_json";
    int at = Json.skipSpace(bytes, 0);
    if (at >= bytes.length) return "not_json";
    boolean isObject = bytes[at] == '{';
    int end = isObject ? readFields(at) : Json.skipValue(bytes, at);
    if (end < 0 || Json.skipSpace(bytes, end) != bytes.length) return "not_json";
    if (!isObject) return "not_object";
    readTime();
    if (productAt == 0) return "missing_product_id";
    product = productText();
    if (product == null) return "bad_product_id";
    if (timeAt == 0) return "missing_timestamp";
    if (!hasTime) return timeReason();
    isClick = is(typeAt, typeEnd, CLICK);
    if (!isClick && !is(typeAt, typeEnd, IMPRESSION) && !isEscapedType()) return "bad_event_type";
    if (idAt != 0 && bytes[idAt] == '"') eventId = Json.text(bytes, idAt + 1, idEnd - 1);
    return null;
  }

  /** Behind the object at {@code at}; of a key that is there twice the last one wins. */
  private int readFields(int at) {
    at = Json.skipSpace(bytes, at + 1);
    if (at < bytes.length && bytes[at] == '}') return at + 1;
    while (true) {
      int key = at;
      int value = Json.skipKey(bytes, at);
      if (value < 0) return -1;
      value = Json.skipSpace(bytes, value);
      int end = Json.skipValue(bytes, value);
      if (end < 0) return -1;
      note(key, value, end);
      at = Json.skipSpace(bytes, end);
      if (at >= bytes.length) return -1;
      if (bytes[at] == '}') return at + 1;
      if (bytes[at] != ',') return -1;
      at = Json.skipSpace(bytes, at + 1);
    }
  }

  private void note(int key, int value, int end) {
    if (isKey(key, PRODUCT_ID)) {
      productAt = value;
      productEnd = end;
    } else if (isKey(key, TIMESTAMP)) {
      timeAt = value;
      timeEnd = end;
    } else if (isKey(key, EVENT_TYPE)) {
      typeAt = value;
      typeEnd = end;
    } else if (isKey(key, EVENT_ID)) {
      idAt = value;
      idEnd = end;
    }
  }

  /** Whether the key that begins with the quote at {@code at} is this name, also with escapes. */
  private boolean isKey(int at, byte[] name) {
    at++;
    int n = 0;
    while (n < name.length && bytes[at + n] == name[n]) n++;
    if (n == name.length) return bytes[at + n] == '"';
    if (bytes[at + n] != '\\') return false;
    int end = Json.skipString(bytes, at - 1) - 1;
    return Json.text(bytes, at, end).equals(new String(name, StandardCharsets.US_ASCII));
  }

  private boolean is(int start, int end, byte[] text) {
    return start != 0 && java.util.Arrays.equals(bytes, start, end, text, 0, text.length);
  }

  /** An event type may be written with escapes. */
  private boolean isEscapedType() {
    if (typeAt == 0 || bytes[typeAt] != '"') return false;
    String text = Json.text(bytes, typeAt + 1, typeEnd - 1);
    isClick = text.equals("click");
    return isClick || text.equals("impression");
  }

  private boolean isNumber(int at) {
    return bytes[at] == '-' || bytes[at] >= '0' && bytes[at] <= '9';
  }

  private double number(int start, int end) {
    return Double.parseDouble(new String(bytes, start, end - start, StandardCharsets.US_ASCII));
  }

  private String productText() {
    if (isNumber(productAt)) {
      double value = number(productAt, productEnd);
      boolean isSafe = Math.rint(value) == value && Math.abs(value) <= MAX_SAFE;
      return isSafe ? Long.toString((long) value) : null;
    }
    if (bytes[productAt] != '"') return null;
    String text = Json.text(bytes, productAt + 1, productEnd - 1);
    if (text.isEmpty() || text.length() > MAX_PRODUCT_ID_BYTES) return null;
    for (int n = 0; n < text.length(); n++) {
      if (!Character.isSurrogate(text.charAt(n))) continue;
      boolean isPair = n + 1 < text.length() && Character.isSurrogatePair(text.charAt(n), text.charAt(n + 1));
      if (!isPair) return null;
      n++;
    }
    return text.getBytes(StandardCharsets.UTF_8).length <= MAX_PRODUCT_ID_BYTES ? text : null;
  }

  private void readTime() {
    if (timeAt == 0 || !isNumber(timeAt)) return;
    if (timeEnd - timeAt <= 15 && (hasTime = readDigits())) {
      hasTime = unit(time) == null;
      return;
    }
    double value = number(timeAt, timeEnd);
    hasTime = unit(value) == null && Math.rint(value) == value && Math.abs(value) <= MAX_TIME;
    time = (long) value;
  }

  /** Whether the timestamp is digits and nothing else; {@link #time} is their value then. */
  private boolean readDigits() {
    long value = 0;
    for (int at = timeAt; at < timeEnd; at++) {
      int digit = bytes[at] - '0';
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    time = value;
    return true;
  }

  private String timeReason() {
    boolean isOtherUnit = isNumber(timeAt) && unit(number(timeAt, timeEnd)) != null;
    return isOtherUnit ? "timestamp_unit" : "bad_timestamp";
  }

  /** The unit that a number can only be in; null: it may be milliseconds, or is a fraction. */
  static String unit(double value) {
    if (value < 1e9 || Math.rint(value) != value) return null;
    if (value < 1e10) return "seconds";
    if (value >= 1e15 && value < 1e16) return "microseconds";
    return value >= 1e18 && value < 1e19 ? "nanoseconds" : null;
  }

  /** The timestamp as it is written, for a sentence. */
  String timeAsWritten() {
    if (timeAt == 0) return "nothing";
    int end = Math.min(timeEnd, timeAt + 80);
    return new String(bytes, timeAt, end - timeAt, StandardCharsets.UTF_8);
  }

  double timeValue() {
    return timeAt != 0 && isNumber(timeAt) ? number(timeAt, timeEnd) : Double.NaN;
  }
}
