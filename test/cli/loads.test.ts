/** What a process loads: no more than its command needs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { ROOT } from '../support/processes.ts';

/** Ends a program with the packages it loaded; `missing` is one that cannot be found. */
function loaded(program: string, missing = ''): { output: string; packages: string[] } {
  const script = `
    import { registerHooks } from 'node:module';
    const packages = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier === ${JSON.stringify(missing)}) throw new Error('not installed');
        const found = next(specifier, context);
        const [, name] = /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url) ?? [];
        if (name !== undefined) packages.add(name);
        return found;
      },
    });
    ${program}
    console.log(JSON.stringify([...packages]));`;
  const args = ['--input-type=module', '--eval', script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  return { output: lines.slice(0, -1).join('\n'), packages: JSON.parse(lines.at(-1) as string) };
}

/** CRC32C of "123456789", as its definition gives it. */
const SUM = 'e3069283';
const PRINT_SUM = `
  const { crc32c } = await import('./src/crc32c.ts');
  console.log(crc32c(Buffer.from('123456789')).toString(16));`;

suite('modules that are loaded', () => {
  test('the embedded size: the server, but no client of Kafka or Redis', () => {
    const { packages } = loaded(`
      await import('./src/cli/run.ts');
      await import('./src/cli/embedded.ts');`);
    assert.ok(packages.includes('fastify'), packages.join());
    assert.ok(packages.includes('@node-rs/crc32'), packages.join());
    const clients = packages.filter((name) => /kafka|redis/.test(name));
    assert.deepEqual(clients, []);
  });

  test('the list of commands: the command line and nothing else', () => {
    const { output, packages } = loaded(`
      process.argv = ['node', 'clickrate', '--help'];
      await import('./src/cli/main.ts');`);
    assert.match(output, /^ +run +take events over HTTP/m);
    assert.deepEqual(packages, ['commander']);
  });

  test('a checksum: the native library, and only where it is missing the portable one', () => {
    const native = loaded(PRINT_SUM);
    assert.equal(native.output, SUM);
    assert.equal(native.packages[0], '@node-rs/crc32');
    assert.equal(native.packages.includes('@platformatic/wasm-utils'), false);
    const portable = loaded(PRINT_SUM, '@node-rs/crc32');
    assert.equal(portable.output, SUM);
    assert.equal(portable.packages[0], '@platformatic/wasm-utils');
    assert.equal(portable.packages.includes('@platformatic/kafka'), false);
  });
});
