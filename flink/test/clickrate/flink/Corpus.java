package clickrate.flink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Base64;

/** For a test: judges each line {@code base64 arrivalMs} of standard input. */
public final class Corpus {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    Event event = new Event();
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      int space = line.indexOf(' ');
      byte[] record = Base64.getDecoder().decode(line.substring(0, space));
      long arrivalMs = Long.parseLong(line.substring(space + 1));
      String reason = Verdict.of(event.read(record), arrivalMs, Verdict.NO_WATERMARK, 10_000, 5_000, 10_000);
      out.append(reason != null ? reason : fields(event)).append('\n');
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
