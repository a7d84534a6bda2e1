// Owns the core as simulated masters step it: the real one, with one defect of its own. A certain demand makes it
// throw after it has changed the state, so that leaving an input out is tried too.
import type { Core } from '@parley/actor/core';
import { decodeEntry } from '@parley/actor/journal-entry';
import { Replica, type ReplicaStart, type SkippedInput } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import type { Demand } from '@parley/protocol/frameworks';
import type { Resources } from '@parley/protocol/resources';
import type { Stored } from './simulated-streams.ts';

const POISON_COUNT = 666_666;
const ONE_MILLI: Resources = { scalars: { cpus: 1 }, ports: [], sets: {} };
export const POISON: Demand = [{ count: POISON_COUNT, resources: ONE_MILLI, constraints: [] }];

export function isPoisonDemand(demand: Demand | undefined): boolean {
  return demand?.[0]?.count === POISON_COUNT;
}

export const simulatedCore: Core<ClusterState, Input, Effect> = {
  ...clusterCore,
  step: (state, context, input) => {
    const effects = clusterCore.step(state, context, input);
    if (isPoison(input)) throw new Error('the defect of the simulated core');
    return effects;
  },
};

function isPoison(input: Input): boolean {
  return (
    input.kind === 'call' && input.call.verb === 'demand' && isPoisonDemand(input.call.body.demand)
  );
}

/** An entry is made of inputs as they are journalled: that of another core would not decode here. */
export function holdsPoison(bytes: Uint8Array, index: number): boolean {
  const entry = decodeEntry(bytes);
  const input = entry.ok
    ? simulatedCore.inputSchema.safeParse(entry.value.inputs[index])
    : undefined;
  return input?.success === true && isPoison(input.data);
}

export type ClusterReplica = Replica<ClusterState, Input, Effect>;
export type Start = ReplicaStart<ClusterState>;

/**
 * A replica moved on from what `makeFirst` makes through the entries, up to `upTo`. A step that throws is left out and the
 * replica made anew, as every process does it. Throws when anything but poison has to be left out.
 */
export function replay(
  entries: readonly Stored[],
  {
    makeFirst = () => new Replica(simulatedCore),
    skips = [],
    upTo = entries.length,
    onApplied,
  }: {
    makeFirst?: () => ClusterReplica;
    skips?: readonly SkippedInput[];
    upTo?: number;
    onApplied?: (sequence: number, effects: readonly Effect[], replica: ClusterReplica) => void;
  } = {},
): ClusterReplica {
  const known = [...skips];
  const told = new Set<number>();
  for (;;) {
    const replica = makeFirst();
    for (const skip of known) replica.skip(skip);
    const broken = applyAll(replica, entries.slice(replica.sequence, upTo), (sequence, effects) => {
      if (!told.has(sequence)) onApplied?.(sequence, effects, replica);
      told.add(sequence);
    });
    if (broken === undefined) return replica;
    known.push(broken);
  }
}

function applyAll(
  replica: ClusterReplica,
  entries: readonly Stored[],
  onApplied: (sequence: number, effects: readonly Effect[]) => void,
): SkippedInput | undefined {
  for (const { sequence, bytes } of entries) {
    const result = replica.apply(sequence, bytes);
    if (result.kind === 'unknownRules' || result.kind === 'corrupt')
      throw new Error(result.message);
    if (result.kind === 'broken') {
      if (holdsPoison(bytes, result.skip.index)) return result.skip;
      throw new Error(`step threw: ${String(result.error)}`, { cause: result.error });
    }
    const wrong = result.skipped.find(({ index }) => !holdsPoison(bytes, index));
    if (wrong)
      throw new Error(`entry ${sequence}: input ${wrong.index} was left out: ${wrong.why}`);
    onApplied(sequence, result.effects);
  }
  return undefined;
}
