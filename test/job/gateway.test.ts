/** What the gateway's and the JobManager's answers become. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { checkSame, type Deployment, launch, resumePoint } from '../../src/flink/deploy.ts';
import { GatewaySession, sentenceOf } from '../../src/flink/gateway.ts';
import { fingerprint, type Job, jobSettings } from '../../src/flink/job.ts';
import { JobManager } from '../../src/flink/jobmanager.ts';

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

  test('with what is no gateway says so', async () => {
    const notFound = '{"errors":["Not found: /v2/sessions"]}';
    for (const [status, body, why] of [
      [404, notFound, /the SQL Gateway at http:\S+ says: Not found: \/v2\/sessions$/],
      [502, '<html>Bad Gateway</html>', /says: status 502, and no JSON: is that its address\?$/],
      [200, '<html>please log in</html>', /says: status 200, and no JSON/],
    ] as const) {
      const other = createServer((_, response) => response.writeHead(status).end(body));
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
      try {
        const refused = { code: 'flink_failed', message: why };
        await assert.rejects(GatewaySession.open(address, {}), refused);
      } finally {
        other.close();
      }
    }
  });
});

const JOB: Job = {
  name: 'clickrate',
  settings: jobSettings(SETTINGS),
  kafka: {},
  group: 'g',
  jar: '/j',
  topics: {
    impressions: 'i',
    clicks: 'c',
    rejected: 'x',
    results: 'r',
    heartbeat: 'h',
    progress: 'p',
  },
  parallelism: 1,
  start: 'earliest',
  idleMs: 1,
  checkpointMs: 1,
  dedupMs: 0,
  watermarks: 'periodic',
};
const LAST: Deployment = {
  jobId: 'old',
  savepoint: null,
  restoredFrom: null,
  fingerprint: fingerprint(JOB),
};

const GONE = { status: 404, body: { errors: ['Job old not found'] } };
type Answer = { status: number; body: unknown };

suite('where a job goes on', () => {
  let server: Server;
  let manager: JobManager;
  let answers: Record<string, Answer> = {};
  before(async () => {
    server = createServer((request, response) => {
      const { status, body } = answers[request.url ?? ''] ?? GONE;
      response.statusCode = status;
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    manager = new JobManager(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  after(() => void server.close());

  const config = [{ key: 'execution.checkpointing.dir', value: '/state' }];
  /** What the JobManager answers of the last job. */
  const knows = (checkpoints: unknown, job: unknown = {}, status = 200) => {
    answers = { '/jobmanager/config': { status: 200, body: config } };
    if (checkpoints !== null) answers['/jobs/old/checkpoints'] = { status, body: checkpoints };
    if (job !== null) answers['/jobs/old'] = { status: 200, body: job };
  };
  const none = () => null;
  const retained = (directory: string, jobId: string) => `${directory}/${jobId}/chk-7`;
  const from = (last: Deployment | null, look: typeof retained | typeof none = none) =>
    resumePoint(manager, last, 'earliest', look);
  const at = (id: number, path: string, more = {}) => ({ id, external_path: path, ...more });
  const nothing = { counts: { completed: 0 }, latest: {}, history: [] };
  const lost = { code: 'flink_cannot_resume', message: /old.*--start earliest/ } as const;

  test('from the start when there was none', async () => {
    assert.equal(await from(null), null);
  });

  test('from the savepoint of its stop, else the checkpoint that the JobManager knows', async () => {
    knows({ latest: { completed: at(3, '/c') } });
    assert.equal(await from({ ...LAST, savepoint: '/s' }), '/s');
    assert.equal(await from(LAST), '/c');
  });

  test('from a savepoint that is newer than the last checkpoint, not from an older one', async () => {
    knows({ latest: { completed: at(3, '/c'), savepoint: at(4, '/s') } });
    assert.equal(await from(LAST), '/s');
    knows({ latest: { completed: at(5, '/c'), savepoint: at(4, '/s') } });
    assert.equal(await from(LAST), '/c');
  });

  test('not from what was discarded or never ended', async () => {
    const gone = at(6, '/gone', { discarded: true });
    const history = [
      at(7, '/failed', { status: 'FAILED' }),
      { ...gone, status: 'COMPLETED' },
      at(5, '/c', { status: 'COMPLETED', discarded: false }),
    ];
    knows({ counts: { completed: 6 }, latest: { completed: gone, savepoint: null }, history });
    assert.equal(await from(LAST), '/c');
    knows({ counts: { completed: 6 }, latest: { completed: gone } });
    await assert.rejects(from({ ...LAST, restoredFrom: '/earlier' }), lost);
  });

  test('from a retained checkpoint when the JobManager has forgotten the job', async () => {
    knows(null, null);
    assert.equal(await from(LAST, retained), '/state/old/chk-7');
  });

  test('from where it began itself when it ended before its first checkpoint', async () => {
    const begun = { ...LAST, restoredFrom: '/earlier' };
    knows(nothing);
    assert.equal(await from(begun), '/earlier');
    // It failed before there was anything to ask.
    knows(null);
    assert.equal(await from(begun), '/earlier');
    assert.equal(await from({ ...LAST, start: 'earliest' }), null);
    const timed = { code: 'flink_cannot_resume', message: /began at 1700000000000/ };
    await assert.rejects(from({ ...LAST, start: 1_700_000_000_000 }), timed);
    await assert.rejects(from(LAST), { code: 'flink_cannot_resume' });
  });

  test('nowhere when its state is lost, instead of at an earlier place', async () => {
    knows(null, null);
    await assert.rejects(from(LAST), lost);
    await assert.rejects(from({ ...LAST, restoredFrom: '/earlier' }), lost);
  });

  test('nowhere while the JobManager is not itself: that says nothing of the job', async () => {
    const begun = { ...LAST, restoredFrom: '/earlier' };
    knows({ errors: ['no leader yet'] }, {}, 503);
    await assert.rejects(from(begun), { code: 'flink_failed', message: /no leader yet/ });
    knows('<html>bad gateway</html>', {}, 502);
    await assert.rejects(from(begun), { code: 'flink_failed', message: /status 502/ });
  });

  test('not with a setting that its state depends on', () => {
    checkSame(LAST, { ...JOB, parallelism: 8, idleMs: 9 });
    checkSame(null, JOB);
    checkSame({ ...LAST, fingerprint: null }, { ...JOB, dedupMs: 5 });
    const other = { ...JOB, settings: { ...JOB.settings, windowMs: 1_000 } };
    const refused = { code: 'flink_cannot_resume', message: /windowMs was 10000, is 1000/ };
    assert.throws(() => checkSame(LAST, other), refused);
    assert.throws(() => checkSame(LAST, { ...JOB, dedupMs: 5 }), /deduplication was off, is on/);
  });
});

suite('a job that is started', () => {
  /** A JobManager that shows these states, one a look; null: it does not answer. */
  const showing = (...states: (string | null)[]) => {
    const cancelled: string[] = [];
    const manager = {
      stateOf: async () => {
        const state = states.length > 1 ? states.shift() : states[0];
        if (state == null) throw new ClickrateError('flink_unavailable', 'away');
        return { state, isRunning: state === 'RUNNING' };
      },
      failureOf: async () => 'no slots',
      cancel: async (id: string) => void cancelled.push(id),
    } as unknown as JobManager;
    return { manager, cancelled };
  };
  const session = () => {
    const run = async () => ({ jobId: 'j', rows: [] });
    return { run, close: async () => {} } as unknown as GatewaySession;
  };

  test('is told of before it is waited for', async () => {
    const { manager } = showing('FAILED');
    const told: string[] = [];
    const started = launch(session(), manager, JOB, null, (id) => void told.push(id));
    await assert.rejects(started, { code: 'flink_failed', message: /no slots/ });
    assert.deepEqual(told, ['j']);
  });

  test('is waited for while the JobManager does not answer', async () => {
    const { manager, cancelled } = showing(null, 'CREATED', null, 'RUNNING');
    assert.equal(await launch(session(), manager, JOB, null, () => {}), 'j');
    assert.deepEqual(cancelled, []);
  });
});
