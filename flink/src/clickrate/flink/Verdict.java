package clickrate.flink;

/** What becomes of an event beside the source, where its own watermark is known. */
final class Verdict {
  private Verdict() {}

  /** Marks a cold start: there is no watermark yet, so nothing is too late. */
  static final long NO_WATERMARK = Long.MIN_VALUE;

  /**
   * Null: it is counted. {@code arrivalMs} is the broker's append time, so the guard against the
   * future says the same on every replay.
   */
  static String of(Event event, long arrivalMs, long watermarkMs, long windowMs, long latenessMs, long futureMs) {
    if (event.reason != null) return event.reason;
    if (event.time > arrivalMs + futureMs) return "future_timestamp";
    if (watermarkMs == NO_WATERMARK) return null;
    long end = Math.floorDiv(event.time, windowMs) * windowMs + windowMs;
    return end - 1 + latenessMs <= watermarkMs ? "too_late" : null;
  }

  /** One sentence for a person about why it was not counted. */
  static String explain(String reason, Event event, byte[] record, long arrivalMs) {
    String time = event.timeAsWritten();
    switch (reason) {
      case "too_large":
        return "the record has " + record.length + " bytes; at most " + Event.MAX_EVENT_BYTES + " are taken";
      case "not_json":
        boolean isEmpty = record == null || record.length == 0;
        return isEmpty ? "the record is empty" : "the record is not JSON in valid UTF-8";
      case "not_object":
        return "the record is JSON, but not an object";
      case "missing_product_id":
        return "there is no product_id";
      case "bad_product_id":
        return "product_id is neither a text of 1 to " + Event.MAX_PRODUCT_ID_BYTES + " bytes nor an integer";
      case "missing_timestamp":
        return "there is no timestamp";
      case "bad_timestamp":
        return "timestamp " + time + " is not an integer of epoch milliseconds";
      case "timestamp_unit":
        return "timestamp " + time + " can only be " + Event.unit(event.timeValue()) + "; epoch milliseconds are taken";
      case "bad_event_type":
        return "event_type is neither \"impression\" nor \"click\"";
      case "future_timestamp":
        return "timestamp " + time + " is " + (event.time - arrivalMs) + " ms after the arrival";
      default:
        return "its window no longer took events";
    }
  }
}
