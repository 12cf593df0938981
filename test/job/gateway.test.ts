/** What the gateway's and the JobManager's answers become. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { checkSame, type Deployment, resumePoint } from '../../src/flink/deploy.ts';
import { GatewaySession, sentenceOf } from '../../src/flink/gateway.ts';
import { fingerprint, type Job, jobSettings } from '../../src/flink/job.ts';
import type { JobManager } from '../../src/flink/jobmanager.ts';

suite('an error of the gateway', () => {
  test('is the innermost cause with words, and the line of SQL it names', () => {
    const answer = JSON.stringify({
      errors: [
        'Internal server error.',
        '<Exception on server side:\norg.apache.flink.SqlGatewayException: Failed\n' +
          'Caused by: org.apache.calcite.SqlParseException: Encountered "FRM" at line 2, column 1.\n' +
          'Was expecting one of\nCaused by: java.lang.NullPointerException\n\tat a.b(C.java:1)\nEnd>',
      ],
    });
    assert.equal(
      sentenceOf(answer, 'SELECT 1\nFRM t'),
      'Flink says: Encountered "FRM" at line 2, column 1. (SQL: FRM t)',
    );
  });

  test('that has no cause is told as it is', () => {
    assert.equal(sentenceOf('no idea', 'SELECT 1'), 'Flink says: no idea (SQL: SELECT 1)');
  });
});

suite('a session', () => {
  let server: Server;
  let url: string;
  const seen: string[] = [];
  let fails = false;
  before(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const path = request.url ?? '';
      if (fails && path.includes('result')) {
        response.statusCode = 500;
        response.end('{"errors":["x: Caused by: a.B: it is wrong"]}');
      } else if (path.endsWith('/statements')) response.end('{"operationHandle":"o"}');
      else if (path.includes('/result/0')) {
        const results = { data: [{ fields: ['a'] }] };
        const nextResultUri = '/v2/sessions/s/operations/o/result/1?rowFormat=JSON';
        response.end(JSON.stringify({ resultType: 'PAYLOAD', jobID: 'j', results, nextResultUri }));
      } else if (path.includes('/result/1'))
        response.end('{"resultType":"EOS","results":{"data":[]}}');
      else response.end('{"sessionHandle":"s"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => void server.close());

  test('runs a statement to its last page', async () => {
    const session = await GatewaySession.open(url, { a: 'b' });
    assert.deepEqual(await session.run('SELECT 1'), { jobId: 'j', rows: [['a']] });
    await session.close();
    assert.equal(seen.at(-1), 'DELETE /v2/sessions/s');
  });

  test('says what Flink says no to', async () => {
    const session = await GatewaySession.open(url, {});
    fails = true;
    const refused = { code: 'flink_failed', message: /it is wrong.*SELECT 2/ };
    await assert.rejects(session.run('SELECT 2'), refused);
  });

  test('that cannot be opened names the address', async () => {
    const nowhere = GatewaySession.open('http://127.0.0.1:1', {});
    await assert.rejects(nowhere, { code: 'flink_unavailable', message: /127\.0\.0\.1:1/ });
  });
});

const JOB: Job = {
  ...{ name: 'clickrate', settings: jobSettings(SETTINGS), kafka: {}, group: 'g', jar: '/j' },
  topics: {
    ...{ impressions: 'i', clicks: 'c', rejected: 'x' },
    ...{ results: 'r', heartbeat: 'h', progress: 'p' },
  },
  ...{
    parallelism: 1,
    start: 'earliest',
    idleMs: 1,
    checkpointMs: 1,
    dedupMs: 0,
    watermarks: 'periodic',
  },
};
const LAST: Deployment = {
  ...{ jobId: 'old', savepoint: null, restoredFrom: null },
  fingerprint: fingerprint(JOB),
};

/** A JobManager that knows these things. */
function manager(checkpoint: string | null, directory: string | null = '/state') {
  const known = { checkpointOf: async () => checkpoint, setting: async () => directory };
  return known as unknown as JobManager;
}

suite('where a job goes on', () => {
  const none = () => null;

  test('from the start when there was none', async () => {
    assert.equal(await resumePoint(manager('c'), null, none), null);
  });

  test('from the savepoint of its stop, else the checkpoint that the JobManager knows', async () => {
    const stopped = { ...LAST, savepoint: '/s' };
    assert.equal(await resumePoint(manager('/c'), stopped, none), '/s');
    assert.equal(await resumePoint(manager('/c'), LAST, none), '/c');
  });

  test('from a retained checkpoint when the JobManager has forgotten the job', async () => {
    const found = (directory: string, jobId: string) => `${directory}/${jobId}/chk-7`;
    assert.equal(await resumePoint(manager(null), LAST, found), '/state/old/chk-7');
  });

  test('from where it began itself when it ended before its first checkpoint', async () => {
    const begun = { ...LAST, restoredFrom: '/earlier' };
    assert.equal(await resumePoint(manager(null), begun, none), '/earlier');
  });

  test('nowhere when its state is lost, instead of silently at the beginning', async () => {
    const lost = { code: 'flink_cannot_resume', message: /old.*--start earliest/ };
    await assert.rejects(resumePoint(manager(null), LAST, none), lost);
  });

  test('not with a setting that its state depends on', () => {
    checkSame(LAST, { ...JOB, parallelism: 8, idleMs: 9 });
    checkSame(null, JOB);
    const other = { ...JOB, settings: { ...JOB.settings, windowMs: 1_000 } };
    const refused = { code: 'flink_cannot_resume', message: /windowMs was 10000, is 1000/ };
    assert.throws(() => checkSame(LAST, other), refused);
    assert.throws(() => checkSame(LAST, { ...JOB, dedupMs: 5 }), /deduplication was off, is on/);
  });
});
