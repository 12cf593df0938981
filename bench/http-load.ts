/** The child that makes HTTP load: one request again and again, over raw sockets. */
import { connect, type Socket } from 'node:net';

/** `pipelined` requests are always under way on each connection. */
export type Load = { port: number; connections: number; pipelined: number; request: string };

const HEAD = Buffer.from('HTTP/1.1 ');
let answers = 0;

function open({ port, pipelined, request }: Load): Socket {
  const socket = connect(port, '127.0.0.1');
  const bytes = Buffer.from(request);
  const many = Buffer.concat(new Array(pipelined).fill(bytes));
  let tail = Buffer.alloc(0);
  socket.on('connect', () => socket.write(many));
  socket.on('error', (error) => {
    // The server ends before this child does.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  });
  socket.on('data', (data) => {
    // The head of an answer may be cut in two; bodies never contain these bytes.
    const seen = tail.length === 0 ? data : Buffer.concat([tail, data]);
    let found = 0;
    let last = 0;
    for (let at = seen.indexOf(HEAD); at !== -1; at = seen.indexOf(HEAD, last)) {
      found++;
      last = at + HEAD.length;
      const status = seen.subarray(last, last + 1).toString();
      if (status !== '2' && status !== '3' && status !== '')
        throw new Error(seen.subarray(at, at + 500).toString());
    }
    tail = seen.subarray(Math.max(last, seen.length - HEAD.length + 1));
    answers += found;
    // One write for all, as a busy client's socket would send them.
    if (found > 0) socket.write(many.subarray(0, found * bytes.length));
  });
  return socket;
}

process.on('message', (message: Load | 'count' | 'end') => {
  if (message === 'end') process.exit();
  else if (message === 'count') process.send!(answers);
  else for (let i = 0; i < message.connections; i++) open(message);
});
