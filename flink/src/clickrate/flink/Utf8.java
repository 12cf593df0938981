package clickrate.flink;

/** Whether bytes are UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
final class Utf8 {
  private Utf8() {}

  static boolean isValid(byte[] b) {
    for (int at = 0; at < b.length; at++) {
      if (b[at] >= 0) continue;
      int more = following(b, at);
      if (more == 0) return false;
      at += more;
    }
    return true;
  }

  /** How many bytes follow the one at {@code at}; 0: they are not as they must be. */
  private static int following(byte[] b, int at) {
    int first = b[at] & 0xff;
    int more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
    if (more == 0 || at + more >= b.length) return 0;
    for (int n = 1; n <= more; n++) if ((b[at + n] & 0xc0) != 0x80) return 0;
    int second = b[at + 1] & 0xff;
    boolean isOverlong = first == 0xe0 && second < 0xa0 || first == 0xf0 && second < 0x90;
    boolean isBeyond = first == 0xed && second > 0x9f || first == 0xf4 && second > 0x8f;
    return isOverlong || isBeyond ? 0 : more;
  }
}
