// Owns which versions of the rules this code steps, which rules each version changed, and which hold in a state. How to
// change a rule is in infra/docs/decisions/rules-versions.md.
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { Operation } from '@parley/protocol/offers';
import type { UnparsedTask } from '@parley/protocol/tasks';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterSettings, Input } from './inputs.ts';
import { MAX_AGENTS, MAX_AGENTS_BEFORE } from './limits.ts';

/** Entries of these rules and newer ones can be stepped. */
export const OLDEST_RULES = 4;
export const NEWEST_RULES = 6;
/** Entries of these rules and newer ones may be packed: releases before know nothing of it. */
export const PACKED_ENTRIES_SINCE = 6;

/** The first version under which each of them holds; what `step` did before stands beside the question. */
const RULE_SINCE = {
  /** A framework that subscribes anew over offers that it has seen gets a strike. */
  replacedSessionsAreStruck: 5,
  /** An agent that the books do not know is asked for all that it has, and its tasks are taken over. */
  unknownAgentsTell: 5,
  /** Whether a framework has ramped up is told by what counts in shares. */
  rampUpIsByWhatCounts: 5,
  /** How many agents are given up a second, and what is in no share, are settings; releases before leave them out of the books. */
  newSettingsAreKept: 5,
  /** An agent sets resources of its own aside for roles; releases before do not read that. */
  agentsReserve: 5,
  /** What an agent comes back with too little for is stopped; before, nothing was offered of it until that had ended. */
  excessIsStopped: 5,
  /**
   * Tasks and executors may have limits, `uris`, a user and an image, tasks a network, devices and volumes of their host;
   * releases before leave them out of a description.
   */
  limitsAreRead: 6,
  /** The finer cause of a task's end stands in the books. */
  causesAreKept: 6,
  /** In a cluster of thousands, an agent's heartbeats are further apart. */
  agentsBeatSeldom: 6,
  /** A cluster may have more agents. */
  moreAgentsAreTaken: 6,
  /** An agent is told how large the volumes of a task are, and keeps them to it. */
  volumeSizesAreTold: 6,
  /** A task whose ordered end does not come after all holds what it was lent only while there is enough of it. */
  stayingIsChecked: 6,
  /** A group a task of which ran and ended before its order was answered goes on; before, it was killed. */
  begunGroupsGoOn: 6,
} as const;

/** The first version whose releases know an input or a call; those that are not here were always known. */
const INPUT_SINCE: Readonly<Record<string, number>> = {
  operatorMaintenance: 5,
  answerInverseOffer: 5,
  tellTasks: 5,
  settingsRestored: 5,
};
/** Likewise a field that inputs did not always have. */
const EMPTYING_SINCE = 5;
const LIMITS_SINCE = 6;
const NEWER_FIELDS = ['limits', 'uris', 'network', 'user', 'devices', 'hostVolumes', 'image'];

export function inputSince(input: Input): number {
  if (input.kind !== 'call') return INPUT_SINCE[input.kind] ?? OLDEST_RULES;
  const { call } = input;
  if (call.verb === 'operatorAgent' && call.body.emptying !== undefined) return EMPTYING_SINCE;
  if (call.verb === 'accept' && call.body.operations.some(asksForLimits)) return LIMITS_SINCE;
  return INPUT_SINCE[call.verb] ?? OLDEST_RULES;
}

/** Or for what else the same rules read. */
function asksForLimits(operation: Operation): boolean {
  if (operation.kind !== 'launch' && operation.kind !== 'launchGroup') return false;
  if (operation.kind === 'launchGroup' && isOfNewRules(operation.executor)) return true;
  return operation.tasks.some(
    (task: UnparsedTask) => isOfNewRules(task) || isOfNewRules(task['executor']),
  );
}

/** A description, or what came in the place of one, with what rules version 6 has added. */
function isOfNewRules(described: unknown): boolean {
  if (typeof described !== 'object' || described === null) return false;
  return NEWER_FIELDS.some(
    (field) => field in described && Reflect.get(described, field) !== undefined,
  );
}

/** Asked by `step` wherever it does something else than it did under older rules. */
export function ruleHolds(state: ClusterState, rule: keyof typeof RULE_SINCE): boolean {
  return state.rulesVersion >= RULE_SINCE[rule];
}

/** How many may be known. */
export const maxAgents = (state: ClusterState): number =>
  ruleHolds(state, 'moreAgentsAreTaken') ? MAX_AGENTS : MAX_AGENTS_BEFORE;

/** Those that the rules know. */
export function settingsUnderRules(
  state: ClusterState,
  settings: ClusterSettings,
): ClusterSettings {
  if (ruleHolds(state, 'newSettingsAreKept')) return settings;
  const { agentRemovalsPerSecond: _, uncounted: __, ...known } = settings;
  return known;
}

/** As its agent tells it of an executor that the books do not know. */
export function executorUnderRules(
  state: ClusterState,
  description: ExecutorDescription,
): ExecutorDescription {
  if (ruleHolds(state, 'limitsAreRead')) return description;
  const { limits: _, uris: __, user: ___, image: ____, ...known } = description;
  return known;
}

/** The rules of an entry hold from its beginning on. What changed; undefined when nothing did, or nothing was before. */
export function enterRules(
  state: ClusterState,
  after: number,
): { before: number; after: number } | undefined {
  const before = state.rulesVersion;
  if (after === before) return undefined;
  state.change({ rulesVersion: after });
  return state.record.masterId === undefined ? undefined : { before, after };
}
