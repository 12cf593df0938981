package clickrate.flink;

import java.util.Arrays;

/**
 * What is kept of a record that is not counted. A batch that was compressed may hold records larger
 * than the producer sends: such a one would fail the job again at each of its restarts.
 */
final class Kept {
  private Kept() {}

  /** As the TypeScript engine cuts it: {@code MAX_RECORD_BYTES} in src/sources/kafka/ingest.ts. */
  static final int MAX_VALUE_BYTES = 900_000;
  /** A longer key is no product id, whatever the settings say: {@code MOST_ID_BYTES} in config.ts. */
  static final int MAX_KEY_BYTES = 8_192;

  static byte[] value(byte[] bytes) {
    boolean fits = bytes == null || bytes.length <= MAX_VALUE_BYTES;
    return fits ? bytes : Arrays.copyOf(bytes, MAX_VALUE_BYTES);
  }

  static byte[] key(byte[] bytes) {
    return bytes == null || bytes.length > MAX_KEY_BYTES ? null : bytes;
  }
}
