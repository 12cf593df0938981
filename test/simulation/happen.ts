/** Lets the faults happen that befall a place at a time, not a call. */
import type { Brokers } from './broker.ts';
import type { Fault, FaultKind } from './faults.ts';
import type { Group } from './group.ts';
import type { Node } from './node.ts';
import type { Process, Scheduler } from './scheduler.ts';
import type { StoreSide } from './store-side.ts';

export type Stage = {
  scheduler: Scheduler;
  brokers: Brokers;
  group: Group;
  storeSide: StoreSide;
  nodes: readonly Node[];
  crash(process: Process, awayMs: number): void;
  begin(node: Node): void;
};

/** False where the fault finds nobody. */
export function happen(world: Stage, fault: Fault): boolean {
  const { scheduler, brokers, group, storeSide } = world;
  switch (fault.kind) {
    case 'crash':
    case 'pause':
    case 'restart':
    case 'clock jump':
      return toNode(world, fault.kind, fault.engine, fault.ms);
    case 'rebalance storm':
      for (let n = 0; n < fault.times; n++) scheduler.after(n * 700, null, () => group.rebalance());
      return true;
    case 'broker down':
      brokers.down(fault.broker, fault.ms);
      return true;
    case 'leader moved':
      brokers.moveLeader(brokers.logs[fault.lane]!);
      return true;
    case 'reads throttled':
      brokers.throttle(fault.ms);
      return true;
    case 'log truncated':
      return brokers.truncate(brokers.logs[fault.lane]!, fault.share);
    case 'store lost':
      storeSide.rollback(null);
      return true;
    case 'disk full':
    case 'slow store':
    case 'store away':
      storeSide.weather(fault.kind, fault.ms);
      return true;
    default:
      return false;
  }
}

function toNode(
  { scheduler, nodes, crash, begin }: Stage,
  kind: FaultKind,
  engine: number,
  ms: number,
): boolean {
  const node = nodes[engine];
  if (node === undefined || !node.isUp) return false;
  const { process } = node;
  if (kind === 'crash') crash(process, ms);
  else if (kind === 'pause') process.pausedUntilMs = scheduler.nowMs + ms;
  else if (kind === 'clock jump') process.wallJumpMs += ms;
  else node.stop(() => scheduler.after(ms, null, () => begin(node)));
  return true;
}
