// Owns the beginning of a state: empty, or as a snapshot says. What is derived is built anew here.
import { NO_EPOCH } from '@parley/protocol/epoch';
import { type AgentId, frameworkKey, taskKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { CLUSTER, ClusterState } from './cluster-state.ts';
import { setDeadlinesInSlices } from './due.ts';
import { indexGone } from './gone-agents.ts';
import { ClusterSettings } from './inputs.ts';
import { indexTask } from './task-book.ts';

/** Plain data, as in @parley/actor, which pure libs do not import. */
export type SnapshotItem = readonly [table: string, key: string, record: unknown];

export function createState(): ClusterState {
  const state = new ClusterState();
  state.cluster.put(CLUSTER, {
    epoch: NO_EPOCH,
    settings: ClusterSettings.parse({}),
    coreTimeMs: 0,
    offerCounter: 0,
    orderCounter: 0,
    factsSequence: 0,
    allocatorEpoch: NO_EPOCH,
    allocatorDecided: 0,
    usageIntegral: { atMs: 0, allocated: {}, total: {} },
  });
  return state;
}

/** Reads all tables as they are now, in order, however the state changes meanwhile. */
export function snapshotState(state: ClusterState): { next(limit: number): SnapshotItem[] } {
  const readers = state.tables.map((table) => ({ name: table.name, reader: table.reader() }));
  let current = 0;
  return {
    next: (limit) => {
      const items: SnapshotItem[] = [];
      while (current < readers.length && items.length < limit) {
        const table = readers[current];
        const entries = table?.reader.next(limit - items.length) ?? [];
        for (const { key, row } of entries) items.push([table?.name ?? '', key, row]);
        if (items.length < limit) current += 1;
      }
      return items;
    },
  };
}

/** Throws on a table that these rules do not know. */
export function restoreState(items: Iterable<SnapshotItem>): ClusterState {
  const restorer = new StateRestorer();
  for (const item of items) restorer.add(item);
  for (;;) {
    const state = restorer.finishSome();
    if (state !== undefined) return state;
  }
}

/** Makes a state a little at a time, so that whoever loads a large one can do other things in between. */
export class StateRestorer {
  readonly #state = new ClusterState();
  readonly #tables = new Map(this.#state.tables.map((table) => [table.name, table]));
  #deriving: Iterator<void> | undefined;

  /** Throws on a table that these rules do not know. */
  add([name, key, record]: SnapshotItem): void {
    const table = this.#tables.get(name);
    assert(table !== undefined, `the snapshot holds a table ${name} that these rules do not know`);
    table.restore(key, record);
  }

  /** After the last item: derives some of what is derived. The state when nothing is left to do. */
  finishSome(): ClusterState | undefined {
    const state = this.#state;
    assert(state.cluster.has(CLUSTER), 'the snapshot holds the record of the cluster');
    this.#deriving ??= derive(state);
    return this.#deriving.next().done === true ? state : undefined;
  }
}

function weigh({ books, frameworkSettings }: ClusterState): void {
  for (const [key, { weight }] of frameworkSettings.entries()) books.sharers.weighs(key, weight);
}

/** Records that are derived from before others get their turn. */
const ROWS_A_SLICE = 256;

/** All rows; stops for others after every slice of them. */
function* inSlices<Row>(rows: Iterable<Row>, derive: (row: Row) => void): Generator<void> {
  let count = 0;
  for (const row of rows) {
    derive(row);
    count += 1;
    if (count % ROWS_A_SLICE === 0) yield;
  }
}

function* derive(state: ClusterState): Generator<void> {
  const { books, requests } = state;
  const isRegistered = (agentId: AgentId) => state.agents.get(agentId)?.state === 'registered';
  yield* inSlices(state.agents.rows(), (agent) => books.agentChanged(undefined, agent));
  for (const record of state.reservations.rows()) books.reservationChanged(undefined, record);
  for (const framework of state.frameworks.rows()) books.frameworkChanged(undefined, framework);
  weigh(state);
  yield* inSlices(state.offers.rows(), (offer) => books.offerMade(offer));
  yield* inSlices(state.tasks.rows(), (task) => {
    books.taskLaunched(task, isRegistered(task.agentId));
    indexTask(state, task);
  });
  yield* inSlices(state.executors.rows(), (executor) =>
    books.executorLaunched(executor, isRegistered(executor.agentId)),
  );
  for (const { framework, event } of state.frameworkEvents.rows()) {
    state.eventSpans.kept(frameworkKey(framework), event.eventId);
  }
  for (const revocation of state.revocations.rows()) state.revocationIndex.begun(revocation);
  yield* inSlices(state.ended.rows(), (ended) => books.endedTaskKept(ended));
  yield* inSlices(state.orders.rows(), ({ order }) =>
    books.agent(order.agentId).orders.add(order.orderId),
  );
  yield* inSlices(state.unwritten.entries(), ([key, { update }]) => {
    const task = taskKey(update.task);
    state.unwrittenByTask.set(task, (state.unwrittenByTask.get(task) ?? new Set()).add(key));
  });
  yield* inSlices(state.sessions.entries(), ([key, session]) =>
    requests.sessionOpened(key, session),
  );
  yield* inSlices(state.answers.entries(), ([key, answer]) => requests.answered(key, answer));
  for (const key of state.tombstones.keys()) state.tombstoneQueue.push(key);
  indexGone(state);
  yield* setDeadlinesInSlices(state);
}
