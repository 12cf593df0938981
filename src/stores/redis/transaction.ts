/**
 * A script with rows behind it, as one transaction: all of it is done, in this order, or nothing,
 * and nobody sees a part. The rows are plain commands, for Lua would make a string of each and hash
 * it, which takes Redis longer than to write it. But nothing can stop a command within a
 * transaction. So a script that refuses puts the hashes aside, where rows would go; the rows then
 * go into others, and the last command puts back what was there.
 */
import { ErrorReply } from '@redis/client';
import { KEYS } from './keys.ts';
import { type Argument, argumentOf, type Chunk, commandOf } from './line.ts';
import type { Reply } from './replies.ts';
import type { Fields } from './rows.ts';

/** Fields to put into a hash, at least one. */
export type Rows = { key: string; fields: Fields };

const HASHES = `{'${KEYS.latest}', '${KEYS.previous}'}`;

/**
 * For scripts that rows may follow. `guarded(follow, body)`: what `body` answers; whatever it is,
 * an error too, rows that follow are written only if `body` set `taken`. It does where it would not
 * be done again: what is broken off after that still gets its rows.
 */
export const GUARD_LUA = `
local taken = false
local function guarded(follow, body)
  if not follow then return body() end
  -- A script that wrote cannot be killed: SCRIPT KILL would end this one, not what follows.
  redis.pcall('DEL', '${KEYS.refused}')
  local done, answer = pcall(body)
  if not taken then
    redis.call('SET', '${KEYS.refused}', '1')
    for _, key in ipairs(${HASHES}) do
      if redis.call('EXISTS', key) == 1 then redis.call('RENAME', key, key .. ':aside') end
    end
  end
  if done or type(answer) == 'table' then return answer end
  return redis.error_reply(answer)
end
`;

/** Ends a transaction. */
export const PUT_BACK = `
if redis.call('DEL', '${KEYS.refused}') == 0 then return 0 end
for _, key in ipairs(${HASHES}) do
  if redis.call('EXISTS', key .. ':aside') == 1 then redis.call('RENAME', key .. ':aside', key)
  else redis.call('DEL', key) end
end
return 1
`;

/** A script without keys, as the first arguments of the command that runs it. */
export function scriptBytes(text: string): Buffer {
  return Buffer.from(['EVAL', text, '0'].map(argumentOf).join(''));
}

const BEGIN = commandOf('MULTI');
const END = commandOf('EVAL', PUT_BACK, '0') + commandOf('EXEC');

/**
 * What to send, and how many replies will come. The script (see `scriptBytes`) goes with its text:
 * one that Redis does not know would not refuse, and the rows would be written. Without rows it
 * goes alone: a Redis without room takes it, if it frees some.
 */
export function transactionOf(
  script: Buffer,
  args: readonly Argument[],
  rows: readonly Rows[],
): { chunks: Chunk[]; count: number } {
  const sent = new Chunks(`${rows.length === 0 ? '' : BEGIN}*${3 + args.length}\r\n`);
  sent.bytes(script);
  for (const arg of args) sent.argument(arg);
  if (rows.length === 0) return { chunks: sent.chunks, count: 1 };
  for (const { key, fields } of rows) {
    sent.text(`*${2 + fields.count}\r\n${argumentOf('HSET')}${argumentOf(key)}`);
    sent.bytes(fields.bytes);
  }
  sent.text(END);
  // Begun; taken note of, each; done.
  return { chunks: sent.chunks, count: 1 + (1 + rows.length + 1) + 1 };
}

/** Text in pieces as long as can be, bytes as they are. */
class Chunks {
  readonly chunks: Chunk[];

  constructor(text: string) {
    this.chunks = [text];
  }

  argument(arg: Argument): void {
    if (typeof arg === 'string') {
      this.text(argumentOf(arg));
      return;
    }
    this.text(`$${arg.length}\r\n`);
    this.bytes(arg);
    this.text('\r\n');
  }

  text(text: string): void {
    const last = this.chunks.length - 1;
    if (typeof this.chunks[last] === 'string') this.chunks[last] += text;
    else this.chunks.push(text);
  }

  bytes(bytes: Buffer): void {
    this.chunks.push(bytes);
  }
}

/** Of what changed between the rows and the end of a transaction; what it was stands behind. */
const ABORTED = /^EXECABORT .* because of: /;

/** What the script answers. Throws what was refused, or failed, as an `ErrorReply`. */
export function answerIn(replies: readonly Reply[]): Reply {
  const last = replies.at(-1) as Reply;
  const done = replies.length === 1 ? replies : last;
  // Of a transaction that is refused, what was refused in it says more than that it was.
  const each = Array.isArray(done) ? [...replies, ...done] : replies;
  const failed = each.find((reply) => reply instanceof ErrorReply);
  if (failed !== undefined) throw new ErrorReply(failed.message.replace(ABORTED, ''));
  if (!Array.isArray(done)) throw new ErrorReply('ERR a transaction was not done');
  return done[0];
}
