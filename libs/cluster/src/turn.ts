// Owns what is at hand while one input is stepped: the state, the entry's context, the effects so far.
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterState } from './cluster-state.ts';
import type { Effect } from './effects.ts';
import type { ClusterEvent } from './events.ts';

/** As in @parley/actor, which pure libs do not import. */
export type StepContext = {
  readonly sequence: number;
  readonly epoch: Epoch;
  readonly coreTimeMs: number;
  readonly wallTimeMs: number;
  readonly rulesVersion: number;
};

export type Turn = {
  readonly state: ClusterState;
  readonly context: StepContext;
  readonly effects: Effect[];
};

export function report(turn: Turn, event: ClusterEvent): void {
  turn.effects.push({ kind: 'event', event });
}

/** Something that a lifecycle or the rules do not allow: told, and without effect. */
export function reportViolation(turn: Turn, about: string, what: string): void {
  report(turn, { type: 'protocolViolation', about, what });
}
