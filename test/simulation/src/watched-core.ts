// Owns watching what a master steps, whether it leads or stands by: the effects of each entry are those that the witness
// has seen of it, and its state is the witness's wherever states are compared.
import { isDeepStrictEqual } from 'node:util';
import type { Core, StepContext } from '@parley/actor/core';
import { StateMarks } from '@parley/actor/state-marks';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import type { JournalWitness } from './journal-witness.ts';
import { simulatedCore } from './simulated-core.ts';

export type CoreWatch = {
  readonly witness: JournalWitness;
  /** Hears what is wrong. */
  readonly fail: (what: string) => void;
  readonly stepped: (context: StepContext, state: ClusterState) => void;
};

export function watchedCore(watch: CoreWatch): Core<ClusterState, Input, Effect> {
  let effects: Effect[] = [];
  const keep = (more: Effect[]): Effect[] => {
    effects.push(...more);
    return more;
  };
  return {
    ...simulatedCore,
    begin: (state, context) => {
      effects = [];
      return keep(simulatedCore.begin(state, context));
    },
    step: (state, context, input) => keep(simulatedCore.step(state, context, input)),
    finish: (state, context) => {
      const last = keep(simulatedCore.finish(state, context));
      compare(watch, context, { state, effects });
      watch.stepped(context, state);
      return last;
    },
  };
}

function compare(
  { witness, fail }: CoreWatch,
  { epoch, sequence }: StepContext,
  { state, effects }: { readonly state: ClusterState; readonly effects: readonly Effect[] },
): void {
  const witnessed = witness.effectsOf(epoch, sequence);
  if (witnessed === undefined) fail(`entry ${sequence} was stepped before it was stored`);
  else if (!isDeepStrictEqual(witnessed, effects)) {
    fail(`entry ${sequence} has other effects than the witness saw`);
  }
  const hash = StateMarks.isAt(sequence) ? witness.hashOf(epoch, sequence) : undefined;
  if (hash !== undefined && hash !== simulatedCore.hash(state))
    fail(`the state after entry ${sequence} is not that of the witness`);
}
