package clickrate.flink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.FunctionHint;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * What the job's SQL calls. The planner writes a call for every mention of a column, so the last
 * record is remembered by the identity of its bytes: ten mentions cost one reading.
 */
public final class Functions {
  private Functions() {}

  private static final class Last {
    final Event event = new Event();
    byte[] record;
    boolean isRead;
    /** When it was first asked; 0: it was not. */
    long nowMs;
  }

  /** What Kafka calls no timestamp: the producer gave none. */
  private static final long NO_TIME = -1;

  private static final ThreadLocal<Last> LAST = ThreadLocal.withInitial(Last::new);

  private static Event read(byte[] record) {
    Last last = LAST.get();
    if (last.isRead && last.record == record) return last.event;
    last.record = record;
    last.isRead = true;
    last.nowMs = 0;
    return last.event.read(record);
  }

  /** Of a record that was read: one without a time arrives now, at every mention of it. */
  private static long arrivalOf(TimestampData time) {
    if (time.getMillisecond() != NO_TIME) return time.getMillisecond();
    Last last = LAST.get();
    if (last.nowMs == 0) last.nowMs = System.currentTimeMillis();
    return last.nowMs;
  }

  /** Null where the event cannot be counted for what it is, so that it moves no watermark. */
  public static final class Rowtime extends ScalarFunction {
    @FunctionHint(output = @DataTypeHint(value = "TIMESTAMP_LTZ(3)", bridgedTo = TimestampData.class))
    public TimestampData eval(
        byte[] record,
        @DataTypeHint(value = "TIMESTAMP_LTZ(3)", bridgedTo = TimestampData.class) TimestampData arrival,
        @DataTypeHint("BOOLEAN") Boolean isHeartbeat,
        @DataTypeHint("BIGINT") Long futureMs) {
      Event event = read(record);
      if (isHeartbeat) return event.hasTime ? TimestampData.fromEpochMillis(event.time) : null;
      if (event.reason != null || event.time > arrivalOf(arrival) + futureMs) return null;
      return TimestampData.fromEpochMillis(event.time);
    }
  }

  /** The reason why the event is not counted; null: it is. */
  public static final class VerdictOf extends ScalarFunction {
    @FunctionHint(output = @DataTypeHint(value = "STRING", bridgedTo = StringData.class))
    public StringData eval(
        byte[] record,
        @DataTypeHint(value = "TIMESTAMP_LTZ(3)", bridgedTo = TimestampData.class) TimestampData arrival,
        @DataTypeHint(value = "TIMESTAMP_LTZ(3)", bridgedTo = TimestampData.class) TimestampData watermark,
        @DataTypeHint("BIGINT") Long windowMs,
        @DataTypeHint("BIGINT") Long latenessMs,
        @DataTypeHint("BIGINT") Long futureMs) {
      long at = watermark == null ? Verdict.NO_WATERMARK : watermark.getMillisecond();
      Event event = read(record);
      String reason = Verdict.of(event, arrivalOf(arrival), at, windowMs, latenessMs, futureMs);
      return reason == null ? null : StringData.fromString(reason);
    }
  }

  public static final class Product extends ScalarFunction {
    @FunctionHint(output = @DataTypeHint(value = "STRING", bridgedTo = StringData.class))
    public StringData eval(byte[] record) {
      String product = read(record).product;
      return product == null ? null : StringData.fromString(product);
    }
  }

  public static final class IsClick extends ScalarFunction {
    public @DataTypeHint("BOOLEAN") Boolean eval(byte[] record) {
      return read(record).isClick;
    }
  }

  public static final class EventId extends ScalarFunction {
    @FunctionHint(output = @DataTypeHint(value = "STRING", bridgedTo = StringData.class))
    public StringData eval(byte[] record) {
      String id = read(record).eventId;
      return id == null ? null : StringData.fromString(id);
    }
  }

  /** The timestamp of a heartbeat. */
  public static final class Time extends ScalarFunction {
    public @DataTypeHint("BIGINT") Long eval(byte[] record) {
      Event event = read(record);
      return event.hasTime ? event.time : null;
    }
  }

  /** The value of a record that was not counted, as much of it as can be sent. */
  public static final class KeptValue extends ScalarFunction {
    public @DataTypeHint("BYTES") byte[] eval(byte[] record) {
      return Kept.value(record);
    }
  }

  /** Its key, unless it is too long to be one. */
  public static final class KeptKey extends ScalarFunction {
    public @DataTypeHint("BYTES") byte[] eval(byte[] key) {
      return Kept.key(key);
    }
  }

  /** Headers of a record that was not counted: the names are those of the TypeScript engine. */
  public static final class Headers extends ScalarFunction {
    public @DataTypeHint("MAP<STRING, BYTES>") Map<String, byte[]> eval(
        byte[] record,
        @DataTypeHint("STRING") String reason,
        @DataTypeHint("STRING") String topic,
        @DataTypeHint("INT") Integer partition,
        @DataTypeHint("BIGINT") Long offset,
        @DataTypeHint(value = "TIMESTAMP_LTZ(3)", bridgedTo = TimestampData.class) TimestampData arrival) {
      Event event = read(record);
      long arrivalMs = arrivalOf(arrival);
      Map<String, byte[]> headers = new HashMap<>();
      headers.put("reason", reason.getBytes(UTF_8));
      headers.put("message", Verdict.explain(reason, event, record, arrivalMs).getBytes(UTF_8));
      headers.put("topic", topic.getBytes(UTF_8));
      headers.put("partition", Integer.toString(partition).getBytes(UTF_8));
      headers.put("offset", Long.toString(offset).getBytes(UTF_8));
      headers.put("arrival", Long.toString(arrivalMs).getBytes(UTF_8));
      if (record != null && record.length > Kept.MAX_VALUE_BYTES)
        headers.put("cut-from", Integer.toString(record.length).getBytes(UTF_8));
      return headers;
    }
  }
}
