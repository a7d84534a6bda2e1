// Owns what the passing of core time does, before the inputs of an entry are stepped.
import { AgentId, OfferId } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import { DEADLINE_KINDS, type DeadlineKind, deadlineKey } from './deadlines.ts';
import { removeFramework } from './framework-removal.ts';
import { forgetGone, goneAgents, goneDeadline } from './gone-agents.ts';
import { goOnWithMaintenance } from './maintenance.ts';
import { expireOffers, offerDeadline } from './offer-expiry.ts';
import { forgetSession, sessionDeadline } from './requests.ts';
import { goOnWithRevocations } from './revocations.ts';
import { endedDeadline, forgetEnded } from './task-book.ts';
import { dropTombstone, tombstoneDeadline } from './tombstones.ts';
import type { Turn } from './turn.ts';

type Due = {
  /** In core time; undefined when there is none any more. */
  readonly deadlineOf: (state: ClusterState, key: string) => number | undefined;
  readonly carryOut: (turn: Turn, keys: readonly string[]) => void;
  readonly keys: (state: ClusterState) => Iterable<readonly [string, unknown]>;
};

const DUE: Readonly<Record<DeadlineKind, Due>> = {
  framework: {
    deadlineOf: (state, key) => state.frameworks.get(key)?.failoverAtMs,
    carryOut: (turn, keys) => {
      for (const key of keys) {
        const record = turn.state.frameworks.get(key);
        if (record !== undefined) removeFramework(turn, record, 'failoverTimeout');
      }
    },
    keys: (state) => state.frameworks.entries(),
  },
  ended: {
    deadlineOf: endedDeadline,
    carryOut: ({ state }, keys) => {
      for (const key of keys) forgetEnded(state, key);
    },
    keys: (state) => state.ended.entries(),
  },
  session: {
    deadlineOf: sessionDeadline,
    carryOut: ({ state }, keys) => {
      for (const key of keys) forgetSession(state, key);
    },
    keys: (state) => state.sessions.entries(),
  },
  tombstone: {
    deadlineOf: tombstoneDeadline,
    carryOut: ({ state }, keys) => {
      for (const key of keys) dropTombstone(state, key);
    },
    keys: (state) => state.tombstones.entries(),
  },
  offer: {
    deadlineOf: offerDeadline,
    carryOut: (turn, keys) =>
      expireOffers(
        turn,
        keys.map((key) => OfferId.parse(key)),
      ),
    keys: (state) => state.offers.entries(),
  },
  goneAgent: {
    deadlineOf: goneDeadline,
    carryOut: ({ state }, keys) => {
      for (const key of keys) forgetGone(state, AgentId.parse(key));
    },
    keys: goneAgents,
  },
  revocation: {
    deadlineOf: (state, key) => state.revocations.get(key)?.dueAtMs,
    carryOut: goOnWithRevocations,
    keys: (state) => state.revocations.entries(),
  },
  maintenance: {
    deadlineOf: (state, key) => state.maintenance.get(key)?.dueAtMs,
    carryOut: goOnWithMaintenance,
    keys: (state) => state.maintenance.entries(),
  },
};

/** Removes and forgets what is due at the state's core time, in the order of the deadlines. */
export function carryOutDue(turn: Turn): void {
  const { state } = turn;
  const due = state.deadlines.takeDue(state.record.coreTimeMs, (key) => deadlineOf(state, key));
  for (const { kind, keys } of runsOf(due)) DUE[kind].carryOut(turn, keys);
}

/** Core time at which something is due. */
export function nextDueMs(state: ClusterState): number | undefined {
  return state.deadlines.next((key) => deadlineOf(state, key));
}

/** When a setting moved deadlines: those of all records anew. */
export function setAllDeadlines(state: ClusterState): void {
  const setting = setDeadlinesInSlices(state);
  while (setting.next().done !== true);
}

/** After a restore: the same, and others get their turn after every slice. */
export function* setDeadlinesInSlices(state: ClusterState): Generator<void> {
  state.deadlines.clear();
  let count = 0;
  for (const kind of DEADLINE_KINDS) {
    for (const [key] of DUE[kind].keys(state)) {
      const atMs = DUE[kind].deadlineOf(state, key);
      if (atMs !== undefined) state.deadlines.set(deadlineKey(kind, key), atMs);
      count += 1;
      if (count % DEADLINES_A_SLICE === 0) yield;
    }
  }
}

const DEADLINES_A_SLICE = 256;

function deadlineOf(state: ClusterState, key: string): number | undefined {
  const [kind, rest] = partsOf(key);
  return DUE[kind].deadlineOf(state, rest);
}

/** Those of one kind that follow each other are carried out together, in their order. */
function runsOf(due: readonly string[]): { kind: DeadlineKind; keys: string[] }[] {
  const runs: { kind: DeadlineKind; keys: string[] }[] = [];
  for (const key of due) {
    const [kind, rest] = partsOf(key);
    const last = runs.at(-1);
    if (last?.kind === kind) last.keys.push(rest);
    else runs.push({ kind, keys: [rest] });
  }
  return runs;
}

function partsOf(key: string): [DeadlineKind, string] {
  const at = key.indexOf(':');
  const kind = DEADLINE_KINDS.find((one) => one === key.slice(0, at));
  assert(kind !== undefined, `a deadline has a kind: ${key}`);
  return [kind, key.slice(at + 1)];
}
