// Owns the digest of what an agent has and runs: what it says in a heartbeat to a leader that has not heard it yet, which
// makes the same of its books. Where both are equal there is nothing to tell, so that a takeover of a large cluster costs
// one small message an agent, which changes nothing and may get lost, come twice or come late.
// Not a defence against forgery: an agent can say only of itself what it has.
import { hash } from 'node:crypto';
import { type ExecutorRef, executorKey, type TaskRef, taskKey } from './ids.ts';
import type { Resources } from './resources.ts';
import { isTerminal, type TaskState } from './tasks.ts';

export type AgentStanding = {
  /** Normalised. */
  readonly total: Resources;
  /** Of the total, what nothing that is named here holds; normalised. Undefined: not known. */
  readonly free: Resources | undefined;
  /** In any order; those that have ended do not count: one of both may not have heard of it. */
  readonly tasks: Iterable<{
    readonly task: TaskRef;
    readonly state: TaskState;
    /** Of the last update that the agent has made of it. */
    readonly lastSequence: number;
  }>;
  /** Custom ones. */
  readonly executors: Iterable<ExecutorRef>;
  /** May be offered as revocable. How much is told with each heartbeat, and need not be the same; whether at all is. */
  readonly revocable: Resources | undefined;
};

const DIGEST_LENGTH = 22;

/** 22 characters, 132 bits. */
export function standingOf(standing: AgentStanding): string {
  const { total, free, tasks, executors, revocable } = standing;
  const lines: string[] = [];
  for (const { task, state, lastSequence } of tasks) {
    if (!isTerminal(state)) lines.push(`task ${taskKey(task)} ${state} ${lastSequence}`);
  }
  for (const executor of executors) lines.push(`executor ${executorKey(executor)}`);
  lines.sort();
  lines.push(`total ${textOf(total)}`, `free ${free === undefined ? '?' : textOf(free)}`);
  if (Object.values(revocable?.scalars ?? {}).some((amount) => amount > 0)) lines.push('lends');
  return hash('sha256', lines.join('\n'), 'base64url').slice(0, DIGEST_LENGTH);
}

function textOf({ scalars, ports, sets }: Resources): string {
  const sorted = (named: object): unknown => Object.entries(named).sort(byName);
  return JSON.stringify([sorted(scalars), ports, sorted(sets)]);
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1;
