/** The lock of the data directory: one holder, who is named, and who may die at any time. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDirectory } from '../../src/cli/lock.ts';
import { outputOf, ROOT, start, temporary } from '../support/processes.ts';

/** A process that locks `directory`, says so, and stays; `first` it does something else. */
function holder(directory: string, first = '') {
  const module = JSON.stringify(new URL('src/cli/lock.ts', `file://${ROOT}`).href);
  const script = `
    const { lockDirectory } = await import(${module});
    ${first}
    try {
      lockDirectory(${JSON.stringify(directory)}).update({ url: 'http://127.0.0.1:4711' });
      // Whoever forgets the lock still has it: only its release, or death, gives it back.
      gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
      gc();
      console.log('locked');
      setInterval(() => {}, 1_000);
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  return start(process.execPath, ['--expose-gc', '--input-type=module', '-e', script]);
}

test('a second start is told who holds the directory', async (t) => {
  const directory = join(temporary(t), 'made', 'when', 'missing');
  const child = holder(directory);
  t.after(() => child.kill());
  await outputOf(child, /locked/);
  const { pid, since, url } = JSON.parse(readFileSync(join(directory, 'holder.json'), 'utf8'));
  assert.equal(pid, child.process.pid);
  assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60_000);
  assert.throws(() => lockDirectory(directory), {
    code: 'directory_locked',
    message: new RegExp(`${directory} is in use by process ${pid} since ${since} \\(${url}\\)`),
  });
});

test('a holder that was killed leaves no lock behind', async (t) => {
  const directory = temporary(t);
  for (let round = 0; round < 3; round++) {
    const child = holder(directory);
    t.after(() => child.kill());
    await outputOf(child, /locked/);
    assert.equal(await child.kill('SIGKILL'), 'SIGKILL');
  }
  const lock = lockDirectory(directory);
  lock.update({ url: 'http://127.0.0.1:1' });
  assert.match(readFileSync(join(directory, 'holder.json'), 'utf8'), new RegExp(`${process.pid}`));
  const second = holder(directory);
  t.after(() => second.kill());
  await outputOf(second, new RegExp(`directory_locked .*process ${process.pid} .*127.0.0.1:1`));
  lock.release();
});

test('the same process cannot lock twice, and can lock again', (t) => {
  const directory = temporary(t);
  const lock = lockDirectory(directory);
  assert.throws(() => lockDirectory(directory), { code: 'directory_locked' });
  assert.equal(lock.held(), true);
  lock.release();
  lock.release();
  assert.equal(lock.held(), false);
  assert.equal(existsSync(join(directory, 'holder.json')), false);
  const again = lockDirectory(directory);
  assert.equal(lock.held(), false);
  assert.equal(again.held(), true);
  again.release();
});

test('a holder without a readable note still holds', (t) => {
  const directory = temporary(t);
  const lock = lockDirectory(directory);
  t.after(() => lock.release());
  writeFileSync(join(directory, 'holder.json'), 'torn');
  assert.throws(() => lockDirectory(directory), { message: /by another process/ });
});

// As on a disk that the system made read-only because it fails.
test('a note that can be neither written nor removed keeps nobody from starting or stopping', (t) => {
  const directory = temporary(t);
  mkdirSync(join(directory, 'holder.json'));
  const lock = lockDirectory(directory);
  lock.update({ url: 'http://127.0.0.1:1' });
  lock.release();
  lockDirectory(directory).release();
});

test('a lock on a directory that was moved away is no longer held', (t) => {
  const base = temporary(t);
  const directory = join(base, 'data');
  const lock = lockDirectory(directory);
  t.after(() => lock.release());
  renameSync(directory, join(base, 'moved'));
  assert.equal(lock.held(), false);
  mkdirSync(directory);
  const other = lockDirectory(directory);
  assert.equal(lock.held(), false);
  assert.equal(other.held(), true);
  other.release();
});

test('a place that cannot be a directory is a wrong setting', (t) => {
  const file = join(temporary(t), 'file');
  writeFileSync(file, '');
  assert.throws(() => lockDirectory(file), { code: 'config_invalid', message: /file/ });
});

// SQLite only reads a file that it may not write, and its lock keeps nobody out.
test('a lock that this user may not write is none, and refused', async (t) => {
  const directory = temporary(t);
  const file = join(directory, 'lock.db');
  lockDirectory(directory).release();
  chmodSync(directory, 0o777);
  chmodSync(file, 0o444);
  // Root may write every file.
  const asNobody = 'if (process.getuid?.() === 0) process.setuid(65_534);';
  const told = async (sentence: string) => {
    const child = holder(directory, asNobody);
    t.after(() => child.kill());
    await outputOf(child, new RegExp(`config_invalid cannot use ${directory} as .*: ${sentence}`));
  };
  await told(`${file} may not be written: it holds no data, delete it while nothing runs here`);
  rmSync(file);
  chmodSync(directory, 0o555);
  await told(`EACCES: permission denied, access '${directory}'`);
  chmodSync(directory, 0o755);
});

// Root's backup, or that of another one of the group, must not keep the owner from starting.
test('whoever may write the directory may use a lock that another one made in it', (t) => {
  const directory = temporary(t);
  const nobody = 65_534;
  if (process.getuid?.() === 0) chownSync(directory, nobody, nobody);
  for (const mode of [0o700, 0o770, 0o775]) {
    chmodSync(directory, mode);
    lockDirectory(directory).release();
    const [made, its] = [statSync(join(directory, 'lock.db')), statSync(directory)];
    assert.deepEqual([made.uid, made.gid, made.mode & 0o777], [its.uid, its.gid, mode & 0o666]);
    rmSync(join(directory, 'lock.db'));
  }
});

const hasProc = existsSync('/proc/self');
test('nothing can be made in /proc: said at once', { skip: !hasProc }, async (t) => {
  for (const directory of ['/proc/clickrate', '/proc/clickrate/data']) {
    const child = holder(directory);
    t.after(() => child.kill());
    await outputOf(child, new RegExp(`config_invalid cannot use ${directory} as the data dir`));
  }
});
