// Owns which processors the parts of a benchmark may use, by taskset(1): what shares none cannot slow the other down by
// taking its processor.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export type Halves = { readonly first: string; readonly second: string };

/** Of the processors, the first half and the rest, as taskset(1) takes them. Throws where there is only one. */
export function halves(processors = availableParallelism()): Halves {
  if (processors < 2) throw new Error('--apart takes two processors, and there is one here');
  const middle = Math.floor(processors / 2);
  return { first: rangeOf(0, middle - 1), second: rangeOf(middle, processors - 1) };
}

/** All threads that the process has; processes that it starts from now on likewise. */
export function keepOn(processors: string, pid: number): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)]);
}

const rangeOf = (from: number, to: number): string => (from === to ? `${from}` : `${from}-${to}`);
