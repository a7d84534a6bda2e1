// Owns the accident of `npm start -- --kill-leader`: the leading master is killed when half of the tasks have ended, and
// it is measured how long nobody led. The word counts must be exact all the same.
import type { ClusterEvent } from '@parley/cluster/events';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { isTerminal } from '@parley/protocol/tasks';
import type { KeeperClient } from './keeper-client.ts';
import type { ProgressDisplay } from './progress-display.ts';
import { formatSeconds } from './start-report.ts';

/** What happened so far; to be told when the new term is seen. */
export class LeaderAccident {
  readonly #half: number;
  #leader: string;
  #ended = 0;
  #killed: { readonly master: string; readonly atMs: number } | undefined;
  #next: { readonly master: string; readonly afterMs: number } | undefined;

  /** `tasks`: of the whole run. */
  constructor(leader: string, tasks: number) {
    this.#leader = leader;
    this.#half = Math.ceil(tasks / 2);
  }

  /** The master to kill now, if any. */
  event(event: ClusterEvent, nowMs: number): string | undefined {
    if (event.type === 'termStarted') {
      this.#leader = event.masterId;
      if (this.#killed !== undefined) {
        this.#next ??= { master: event.masterId, afterMs: nowMs - this.#killed.atMs };
      }
    }
    if (event.type === 'taskStateChanged' && isTerminal(event.to)) this.#ended += 1;
    if (this.#ended < this.#half || this.#killed !== undefined) return undefined;
    this.#killed = { master: this.#leader, atMs: nowMs };
    return this.#leader;
  }

  get lines(): string[] {
    if (this.#killed === undefined) return ['no master was killed: the tasks ended before'];
    const { master } = this.#killed;
    if (this.#next === undefined) return [`${master} was killed, and nobody led until the end`];
    const { afterMs } = this.#next;
    return [
      `${master} was killed half-way: nobody led for ${formatSeconds(afterMs)}, then ${this.#next.master} did`,
    ];
  }
}

/** The value tells, at the end, what happened. */
export function killLeaderHalfWay(
  link: OperatorLink,
  how: {
    readonly keeper: KeeperClient;
    readonly display: ProgressDisplay;
    readonly nowMs: () => number;
    readonly leader: string;
    readonly tasks: number;
  },
): () => readonly string[] {
  const accident = new LeaderAccident(how.leader, how.tasks);
  link.onEvent(({ event, isNew }) => {
    if (!isNew) return;
    const master = accident.event(event, how.nowMs());
    if (master === undefined) return;
    how.display.note(`half of the tasks have ended: killing ${master}, which leads`);
    how.keeper.kill(master);
  });
  return () => accident.lines;
}
