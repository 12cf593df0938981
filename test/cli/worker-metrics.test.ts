/** Metrics of several workers as one text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { merged } from '../../src/cli/worker-metrics.ts';

const text = (ready: number, readers: number) => `# HELP clickrate_ready 1 while it answers 200
# TYPE clickrate_ready gauge
clickrate_ready ${ready}
# HELP clickrate_stream_readers Readers
# TYPE clickrate_stream_readers gauge
clickrate_stream_readers ${readers}
# HELP clickrate_http_requests_total Requests
# TYPE clickrate_http_requests_total counter
clickrate_http_requests_total{route="/",status="200"} ${readers}
`;

test('what is of a worker carries its number, all else is told by the one that is asked', () => {
  assert.equal(
    merged([
      ['2', text(1, 7)],
      ['1', text(0, 5)],
    ]),
    `# HELP clickrate_ready 1 while it answers 200
# TYPE clickrate_ready gauge
clickrate_ready 1
# HELP clickrate_stream_readers Readers
# TYPE clickrate_stream_readers gauge
clickrate_stream_readers{worker="2"} 7
clickrate_stream_readers{worker="1"} 5
# HELP clickrate_http_requests_total Requests
# TYPE clickrate_http_requests_total counter
clickrate_http_requests_total{route="/",status="200",worker="2"} 7
clickrate_http_requests_total{route="/",status="200",worker="1"} 5
`,
  );
});
