/** Redis with the settings of `deploy/redis/`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerPlan } from './server.ts';

const SETTINGS = fileURLToPath(new URL('../../deploy/redis/redis.conf', import.meta.url));

export function planRedis(directory: string, port: number): ServerPlan {
  const data = join(directory, 'redis');
  mkdirSync(data, { recursive: true });
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data];
  const args = [SETTINGS, ...flags];
  return { name: 'redis', port, command: 'redis-server', args, directory };
}
