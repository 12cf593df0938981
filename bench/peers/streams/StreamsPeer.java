import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/**
 * The peer: click-through counts with Kafka Streams, exactly once (v2), one thread: windows of 10 s
 * with 5 s of grace in an in-memory store with its changelog, results to a topic, a commit each
 * second. Events are parsed once, by Jackson's streaming reader. Prints the CPU time of the process
 * since its launch when the last event is counted. Arguments: brokers, topics by comma, result
 * topic, events to count.
 */
public final class StreamsPeer {
  record Event(long time, boolean isClick) {}

  private static final JsonFactory JSON = new JsonFactory();

  static Event parse(byte[] bytes) {
    long time = -1;
    boolean isClick = false;
    try (JsonParser parser = JSON.createParser(bytes)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        if (name.equals("timestamp")) time = parser.getLongValue();
        else if (name.equals("event_type")) isClick = parser.getText().equals("click");
        else parser.skipChildren();
      }
    } catch (java.io.IOException error) {
      return null;
    }
    return new Event(time, isClick);
  }

  public static void main(String[] args) throws Exception {
    long wanted = Long.parseLong(args[3]);
    var settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-peer-" + ProcessHandle.current().pid());
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", 5_000);
    settings.put("max.partition.fetch.bytes", 4_194_304);
    settings.put("state.dir", System.getProperty("java.io.tmpdir"));

    var cpu = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    var counted = new AtomicLong();
    var done = new CountDownLatch(1);
    Deserializer<Event> reader = (topic, bytes) -> parse(bytes);
    Serializer<Event> unused = (topic, event) -> {
      throw new UnsupportedOperationException();
    };
    Serde<long[]> counts = Serdes.serdeFrom(
        (topic, pair) -> pair == null ? null : ByteBuffer.allocate(16).putLong(pair[0]).putLong(pair[1]).array(),
        (topic, bytes) -> bytes == null ? null : new long[] {ByteBuffer.wrap(bytes).getLong(0), ByteBuffer.wrap(bytes).getLong(8)});

    var builder = new StreamsBuilder();
    var events = Consumed.with(Serdes.Bytes(), Serdes.serdeFrom(unused, reader))
        .withTimestampExtractor((record, partition) -> ((Event) record.value()).time());
    builder.stream(Arrays.asList(args[1].split(",")), events)
        .groupByKey(Grouped.keySerde(Serdes.Bytes()))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(5)))
        .aggregate(
            () -> new long[2],
            (product, event, pair) -> {
              pair[event.isClick() ? 1 : 0]++;
              if (counted.incrementAndGet() == wanted) done.countDown();
              return pair;
            },
            Materialized.<Bytes, long[]>as(
                    Stores.inMemoryWindowStore("counts", Duration.ofMinutes(1), Duration.ofSeconds(10), false))
                .withKeySerde(Serdes.Bytes())
                .withValueSerde(counts))
        .toStream()
        .map((window, pair) -> org.apache.kafka.streams.KeyValue.pair(window.key(), pair))
        .to(args[2], Produced.with(Serdes.Bytes(), counts));

    try (var streams = new KafkaStreams(builder.build(), settings)) {
      streams.start();
      done.await();
      double seconds = cpu.getProcessCpuTime() / 1e9;
      System.out.println("{\"read\":" + wanted + ",\"cpuSeconds\":" + seconds + "}");
      System.out.flush();
      // Its memory is read from outside, and then it is killed.
      Thread.sleep(60_000);
    }
  }
}
