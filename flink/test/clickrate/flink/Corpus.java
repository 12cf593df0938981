package clickrate.flink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Base64;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** For a test: judges each line {@code base64 arrivalMs} of standard input. */
public final class Corpus {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    Event event = new Event();
    Functions.VerdictOf verdict = new Functions.VerdictOf();
    Functions.Rowtime rowtime = new Functions.Rowtime();
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      int space = line.indexOf(' ');
      byte[] record = Base64.getDecoder().decode(line.substring(0, space));
      long arrivalMs = Long.parseLong(line.substring(space + 1));
      TimestampData arrival = TimestampData.fromEpochMillis(arrivalMs);
      TimestampData time = rowtime.eval(record, arrival, false, 10_000L);
      StringData reason = verdict.eval(record, arrival, null, 10_000L, 5_000L, 10_000L);
      // A window takes no record without a row time.
      if ((time == null) == (reason == null)) throw new IllegalStateException(line);
      out.append(reason != null ? reason.toString() : fields(event.read(record))).append('\n');
    }
    System.out.print(out);
  }

  private static String fields(Event event) {
    return event.time + " " + event.isClick + " " + units(event.product) + " " + units(event.eventId);
  }

  /** Code units: UTF-8 cannot hold lone surrogates. */
  private static String units(String text) {
    if (text == null) return "null";
    StringBuilder units = new StringBuilder("u");
    for (int n = 0; n < text.length(); n++) units.append('.').append((int) text.charAt(n));
    return units.toString();
  }
}
