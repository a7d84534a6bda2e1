// Owns what the scripted master of the tests keeps of agents, frameworks, offers and what operators have set.
import type { FreeReservation, Proposal } from '@parley/protocol/allocation';
import type { Constraints } from '@parley/protocol/constraints';
import type { FrameworkRef, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { DEFAULT_WEIGHT, type Placement, type Quantities } from '@parley/protocol/sharing';

/** `count` tasks that are not launched, whether they are promised in an offer or not. */
export type ScriptedNeed = {
  readonly shape: string;
  readonly resources: Resources;
  readonly constraints?: Constraints;
  readonly count: number;
  readonly revocable?: RevocableUse;
};
export type ScriptedRole = {
  readonly isSuppressed: boolean;
  readonly needs: readonly ScriptedNeed[] | undefined;
};
export type ScriptedFramework = {
  readonly ref: FrameworkRef;
  isActive: boolean;
  roles: Map<RoleName, ScriptedRole>;
  maxOffers: number | undefined;
  takesRevocable: boolean;
  /** Offered plus allocated, by role. */
  readonly used: Map<RoleName, Resources>;
};
/** What an operator has set for a role or a framework. */
export type ScriptedShares = {
  readonly weight: number;
  readonly guarantee: Quantities;
  readonly limit: Quantities;
};
export type ScriptedSettings = ScriptedShares & {
  readonly minAllocatable?: Quantities;
  readonly placement?: Placement;
};
export const NOTHING_SET: ScriptedShares = { weight: DEFAULT_WEIGHT, guarantee: {}, limit: {} };
export type ScriptedAgent = {
  readonly total: Resources;
  readonly attributes: Record<string, string>;
  revocable: Resources;
  free: Resources;
  reservations: FreeReservation[];
};
/** An offer that is not answered; the number is that of its proposal. */
export type ScriptedOffer = Omit<Proposal, 'framework'> & { readonly framework: ScriptedFramework };
