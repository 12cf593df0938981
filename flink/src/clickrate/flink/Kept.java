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
  /** With a value, headers and what is around them still below the 1 MiB that any topic takes. */
  static final int MAX_KEY_BYTES = 100_000;

  static byte[] cut(byte[] bytes, int max) {
    return bytes == null || bytes.length <= max ? bytes : Arrays.copyOf(bytes, max);
  }
}
