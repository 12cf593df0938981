/** What Redis says, as errors of our table: which may pass, and which a person must mend. */
import { ErrorReply } from '@redis/client';
import { ClickrateError, type ErrorCode, messageOf } from '../../errors.ts';
import { FORM } from './keys.ts';

type Meaning = { code: ErrorCode; sentence: string };

/** By the first word of an error reply. */
const REPLIES: Record<string, Meaning> = {
  LOADING: { code: 'store_unavailable', sentence: 'Redis is loading its data' },
  BUSY: { code: 'store_unavailable', sentence: 'Redis is busy with a script' },
  READONLY: {
    code: 'store_unavailable',
    sentence: 'Redis is a read-only replica; the address must be that of the primary',
  },
  UNBLOCKED: { code: 'store_unavailable', sentence: 'Redis has become a replica' },
  MASTERDOWN: { code: 'store_unavailable', sentence: 'this replica of Redis has lost its primary' },
  CLUSTERDOWN: { code: 'store_unavailable', sentence: 'the Redis cluster is down' },
  NOREPLICAS: { code: 'store_unavailable', sentence: 'Redis has too few replicas to take writes' },
  TRYAGAIN: { code: 'store_unavailable', sentence: 'Redis asks to try again' },
  OOM: { code: 'store_full', sentence: 'Redis has reached its maxmemory' },
  MISCONF: { code: 'store_full', sentence: 'Redis cannot write to its disk' },
  WRONGPASS: { code: 'config_invalid', sentence: 'Redis refuses the user name or password' },
  NOAUTH: { code: 'config_invalid', sentence: 'Redis asks for a password (redisPassword)' },
  NOPERM: { code: 'config_invalid', sentence: 'Redis does not let this user do what is needed' },
  MOVED: {
    code: 'config_invalid',
    sentence: 'this is a Redis Cluster; clickrate needs one primary',
  },
  CROSSSLOT: {
    code: 'config_invalid',
    sentence: 'this is a Redis Cluster; clickrate needs one primary',
  },
  WRONGTYPE: { code: 'store_foreign', sentence: 'a key under ctr: holds another kind of data' },
  CTRFOREIGN: { code: 'store_foreign', sentence: 'Redis holds data that clickrate did not write' },
  CTRNEWER: {
    code: 'store_foreign',
    sentence: `Redis holds data of a newer version of clickrate (this one reads form ${FORM})`,
  },
  CTRLOST: {
    code: 'checkpoint_damaged',
    sentence: 'Redis lost data (does it evict?): restore a copy, or empty the store',
  },
};

/** Where in a script: of no use to who reads what Redis has. */
const OF_SCRIPT = / script: [0-9a-f]{40}, on @\w+:\d+\.$/;

/** Whether the server that was reached is not, or no longer, the primary. */
export function isNoPrimary({ message }: ErrorReply): boolean {
  return /^-?(READONLY|MASTERDOWN|CLUSTERDOWN)/.test(message);
}

/** The error of a failed call. `where` is host and port: what Redis says may hold no secret. */
export function storeError(error: unknown, where: string): ClickrateError {
  if (error instanceof ClickrateError) return error;
  const text = messageOf(error);
  if (!(error instanceof ErrorReply))
    return new ClickrateError('store_unavailable', `Redis at ${where} does not answer: ${text}`, {
      cause: error,
    });
  const word = /^-?(?:ERR )?([A-Z]+)/.exec(text)?.[1] ?? '';
  const meaning = REPLIES[word];
  if (meaning === undefined) return unknownReply(text, where, error);
  const reason = text.replace(OF_SCRIPT, '');
  return new ClickrateError(meaning.code, `${meaning.sentence} (${where}): ${reason}`, {
    cause: error,
  });
}

/** Errors of the form `ERR …` have no word of their own. */
function unknownReply(text: string, where: string, cause: ErrorReply): ClickrateError {
  // NOPERM of a command within a script; the second is that of newer versions.
  if (/user executing the script|ACL failure in script/.test(text))
    return new ClickrateError('config_invalid', `${REPLIES.NOPERM.sentence} (${where}): ${text}`, {
      cause,
    });
  if (/invalid password|without any password|AUTH/i.test(text))
    return new ClickrateError('config_invalid', `Redis at ${where} refuses the log-in: ${text}`, {
      cause,
    });
  if (/DB index|SELECT is not allowed/.test(text))
    return new ClickrateError('config_invalid', `redis names no database of ${where}: ${text}`, {
      cause,
    });
  if (/max number of clients/.test(text))
    return new ClickrateError(
      'store_unavailable',
      `Redis at ${where} is full of clients: ${text}`,
      {
        cause,
      },
    );
  return new ClickrateError('internal', `Redis at ${where} refuses a command: ${text}`, { cause });
}
