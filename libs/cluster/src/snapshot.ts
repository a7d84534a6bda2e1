// Owns the beginning of a state: empty, or as a snapshot says. What is derived is built anew here.
import { NO_EPOCH } from '@parley/protocol/epoch';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { CLUSTER, ClusterState } from './cluster-state.ts';
import { setAllDeadlines } from './due.ts';
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
  const state = new ClusterState();
  const tables = new Map(state.tables.map((table) => [table.name, table]));
  for (const [name, key, record] of items) {
    const table = tables.get(name);
    assert(table !== undefined, `the snapshot holds a table ${name} that these rules do not know`);
    table.restore(key, record);
  }
  assert(state.cluster.has(CLUSTER), 'the snapshot holds the record of the cluster');
  derive(state);
  return state;
}

function weigh({ books, frameworkSettings }: ClusterState): void {
  for (const [key, { weight }] of frameworkSettings.entries()) books.sharers.weighs(key, weight);
}

function derive(state: ClusterState): void {
  const { books, requests } = state;
  for (const agent of state.agents.rows()) books.agentChanged(undefined, agent);
  for (const record of state.reservations.rows()) books.reservationChanged(undefined, record);
  for (const framework of state.frameworks.rows()) books.frameworkChanged(undefined, framework);
  weigh(state);
  for (const offer of state.offers.rows()) books.offerMade(offer);
  for (const task of state.tasks.rows()) {
    books.taskLaunched(task, state.agents.get(task.agentId)?.state === 'registered');
    indexTask(state, task);
  }
  for (const executor of state.executors.rows()) {
    const isRegistered = state.agents.get(executor.agentId)?.state === 'registered';
    books.executorLaunched(executor, isRegistered);
  }
  for (const { framework, event } of state.frameworkEvents.rows()) {
    state.eventSpans.kept(frameworkKey(framework), event.eventId);
  }
  for (const revocation of state.revocations.rows()) state.revocationIndex.begun(revocation);
  for (const ended of state.ended.rows()) books.endedTaskKept(ended);
  for (const { order } of state.orders.rows()) books.agent(order.agentId).orders.add(order.orderId);
  for (const [key, { update }] of state.unwritten.entries()) {
    const task = taskKey(update.task);
    state.unwrittenByTask.set(task, (state.unwrittenByTask.get(task) ?? new Set()).add(key));
  }
  for (const [key, session] of state.sessions.entries()) requests.sessionOpened(key, session);
  for (const answer of state.answers.rows()) requests.answered(answer);
  for (const key of state.tombstones.keys()) state.tombstoneQueue.push(key);
  indexGone(state);
  setAllDeadlines(state);
}
