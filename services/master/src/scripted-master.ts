// Owns a master's messages for tests: an actor over books that say what a test wants, and the inputs that it submits.
import { ClusterSettings, type Input } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, succeed } from '@parley/protocol/errors';
import {
  ActorId,
  AgentId,
  ClusterName,
  FrameworkId,
  PrincipalName,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import type { ClusterView } from './cluster-view.ts';
import { MasterActor, type MasterActorOptions } from './master-actor.ts';

export const cluster = ClusterName.parse('c1');
export const epoch: Epoch = { bucketCreatedMs: 1, revision: 7 };
export const principal = PrincipalName.parse('alice');
export const frameworkId = FrameworkId.parse('f1');
export const agentId = AgentId.parse('a1');
export const eng = RoleName.parse('eng');
export const ref = { principal, frameworkId };
export const INBOX = '_INBOX.principal.alice.x';

export function aScriptedView(changes: Partial<ClusterView> = {}): ClusterView {
  return {
    settings: () => ClusterSettings.parse({}),
    reporters: () => 0,
    subscribedFrameworks: () => [],
    isSubscribed: () => true,
    frameworkRoles: () => undefined,
    oldestEvent: () => undefined,
    offerPlace: () => undefined,
    taskPlace: () => undefined,
    hasEndedOn: () => false,
    windowAgents: () => [],
    compareReport: () => undefined,
    isConfirming: () => false,
    oversubscriptionNews: () => undefined,
    standingOf: () => undefined,
    isRegistered: () => true,
    registeredAgents: () => [],
    registeredAgentCount: () => 0,
    registrationOf: () => 1,
    streamPositions: () => [],
    principals: () => [],
    order: () => aKillOrder().order,
    awaitedOrder: () => aKillOrder().order,
    unwrittenUpdate: () => undefined,
    unwrittenOf: () => [],
    facts: () => ({ sequence: 4, facts: [] }),
    candidates: () => ({ sequence: 4, tasks: [] }),
    nextDeadlineMs: () => undefined,
    ...changes,
  };
}

type MasterChanges = Pick<MasterActorOptions, 'rateLimits' | 'rules'> & {
  view?: Partial<ClusterView>;
  queueFull?: boolean;
};

export function aMaster({ view, queueFull, ...options }: MasterChanges = {}) {
  const inputs: Input[] = [];
  const actor = new MasterActor({
    ...options,
    cluster,
    masterId: ActorId.parse('master-1'),
    epoch,
    view: aScriptedView(view),
    submit: (input) => {
      if (queueFull) return fail('overloaded', 'many requests wait for the journal');
      inputs.push(input);
      return succeed(undefined);
    },
  });
  actor.principalsRead(new Map([['alice', { roles: ['*'] }]]), 0);
  return { actor, inputs };
}

export const aKillOrder = () =>
  ({
    kind: 'order',
    order: {
      kind: 'kill',
      orderId: 'k1',
      agentId,
      body: { task: { principal, frameworkId, taskId: TaskId.parse('t1') }, reason: 'framework' },
    },
  }) as const;
