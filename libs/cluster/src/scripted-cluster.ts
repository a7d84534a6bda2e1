// Owns driving the core in tests: entries with growing sequence and core time, builders for what is in them.
// After each entry the invariants are checked. Nothing of the core is replaced here.
import type { Fact, Proposal } from '@parley/protocol/allocation';
import type { Constraints } from '@parley/protocol/constraints';
import {
  ActorId,
  AgentId,
  FrameworkRef,
  OfferId,
  PrincipalName,
  RoleName,
  TaskId,
  type TaskRef,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { AcceptRequestInput, OperationInput } from '@parley/protocol/offers';
import type { SharingChange } from '@parley/protocol/operators';
import type { ResourcesInput } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { type StatusUpdate, TaskDescription, type TaskState } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { normalise } from '@parley/resources/resources';
import type * as z from 'zod';
import { clusterCore } from './cluster-core.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Effect } from './effects.ts';
import type { ClusterEvent } from './events.ts';
import { type Caller, ClusterSettings, Input } from './inputs.ts';
import { checkInvariants } from './invariants.ts';
import { shapeOf } from './needs.ts';

type InputOf = (typeof Input)['_zod']['input'];
type CallOf = Extract<InputOf, { kind: 'call' }>['call'];
type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>;
type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
export type Effects = readonly Effect[];

export const anAgentId = (id = 'a1'): AgentId => AgentId.parse(id);
export const aFramework = (id = 'f1', principal = 'alice'): FrameworkRef =>
  FrameworkRef.parse({ principal, frameworkId: id });
export const aRole = (name: string): RoleName => RoleName.parse(name);
export const some = (cpus: number, mem = cpus): ResourcesInput => ({
  scalars: { cpus: cpus * 1000, mem: mem * 1000 },
});
export const aTask = (taskId: string, resources: ResourcesInput = some(1)): TaskDescription =>
  TaskDescription.parse({ taskId, resources, command: { argv: ['true'] } });

export const aLaunch = (...tasks: TaskDescription[]): OperationInput => ({ kind: 'launch', tasks });

/** What a proposal may say beside its framework, its agent and what is not reserved. */
type ProposalMore = Partial<
  Pick<z.input<typeof Proposal>, 'role' | 'reservations' | 'revocable' | 'promised'>
>;

/** In its first term, with the agent `a1` of this total and the framework `f1` subscribed. */
export function aCluster(
  total: ResourcesInput,
  { settings = {}, roles = ['r'] }: { settings?: Partial<ClusterSettings>; roles?: string[] } = {},
): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.startTerm(settings);
  cluster.register(anAgentId(), total);
  cluster.subscribe(aFramework(), { roles });
  return cluster;
}

export class ScriptedCluster {
  state: ClusterState = clusterCore.create();
  sequence = 0;
  nowMs = 0;
  revision = 0;
  /** Of the entries to come. */
  rulesVersion: number = clusterCore.rulesVersion;
  readonly #counters = new Map<string, number>();
  readonly #streams = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  #proposals = 0;

  /** One entry; returns its effects in order. */
  enter(...inputs: InputOf[]): Effect[] {
    this.sequence += 1;
    const context = {
      sequence: this.sequence,
      epoch: this.epoch,
      coreTimeMs: this.nowMs,
      wallTimeMs: 1_700_000_000_000 + this.nowMs,
      rulesVersion: this.rulesVersion,
    };
    const effects = clusterCore.begin(this.state, context);
    for (const input of inputs) {
      effects.push(...clusterCore.step(this.state, context, Input.parse(input)));
    }
    effects.push(...clusterCore.finish(this.state, context));
    const broken = checkInvariants(this.state);
    assert(broken.length === 0, broken.join('; '));
    return effects;
  }

  get epoch() {
    return { bucketCreatedMs: 1, revision: this.revision };
  }

  startTerm(settings: Partial<ClusterSettings> = {}): Effect[] {
    this.revision += 1;
    return this.enter({
      kind: 'termStarted',
      epoch: this.epoch,
      masterId: ActorId.parse('master-1'),
      // The cap on unanswered offers is off where a test does not ask for it.
      settings: ClusterSettings.parse({ outstandingCapPermille: 1000, ...settings }),
    });
  }

  /** Lets core time pass; what is due happens. */
  pass(ms: number): Effect[] {
    this.nowMs += ms;
    return this.enter({ kind: 'tick' });
  }

  /** A call with a new request id of its caller. */
  call(caller: Caller, call: CallOf, frameworkSession?: number): Effect[] {
    return this.enter(this.callInput(caller, call, frameworkSession));
  }

  callInput(caller: Caller, call: CallOf, frameworkSession?: number): InputOf {
    const key = JSON.stringify(caller);
    const counter = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, counter);
    const request = { session: 's', counter, lowest: 1 };
    return {
      kind: 'call',
      caller,
      request,
      call,
      ...(frameworkSession !== undefined && { frameworkSession }),
    };
  }

  /** A call of the framework's session under way. */
  frameworkCall(framework: FrameworkRef, call: CallOf): Effect[] {
    const session = this.framework(framework)?.session;
    return this.call({ kind: 'framework', ...framework }, call, session);
  }

  framework(framework: FrameworkRef) {
    return this.state.frameworks.get(`${framework.principal}/${framework.frameworkId}`);
  }

  subscribe(framework: FrameworkRef, body: Record<string, unknown> = {}): Effect[] {
    return this.call(
      { kind: 'framework', ...framework },
      { verb: 'subscribe', body: { name: framework.frameworkId, roles: ['r'], ...body } },
    );
  }

  register(
    agentId: AgentId,
    total: ResourcesInput = some(4),
    tasks: { task: TaskRef; state: StatusUpdate['state']; lastSequence: number }[] = [],
    reserved?: Readonly<Record<string, Record<string, number>>>,
  ): Effect[] {
    const host = { hostname: `${agentId}.example`, attributes: {} };
    const body = { ...host, total, tasks, ...(reserved && { reserved }) };
    return this.call({ kind: 'agent', agentId }, { verb: 'register', body });
  }

  /** The verdict about an agent that was registered so often. */
  agentSilent(registration = 1, agentId: AgentId = anAgentId()): Effect[] {
    return this.enter({ kind: 'agentSilent', agentId, registration });
  }

  /** The verdict about this session, by default the one under way. */
  frameworkSilent(
    framework: FrameworkRef,
    session = this.framework(framework)?.session ?? 0,
  ): Effect[] {
    return this.enter({ kind: 'frameworkSilent', framework, session });
  }

  /** The offer made of a fitting proposal. */
  offer(
    framework: FrameworkRef,
    resources: ResourcesInput = some(4),
    agentId: AgentId = anAgentId(),
    more: ProposalMore = {},
  ): OfferId {
    const [message] = of(this.propose(framework, resources, agentId, more), 'offers');
    const id = message?.message.offers[0]?.offerId;
    assert(id !== undefined, 'the proposal became an offer');
    return id;
  }

  propose(
    framework: FrameworkRef,
    resources: ResourcesInput = some(4),
    agentId: AgentId = anAgentId(),
    more: ProposalMore = {},
  ): Effect[] {
    this.#proposals += 1;
    const number = this.#proposals;
    const proposal = { number, framework, role: 'r', agentId, resources, ...more };
    return this.enter({ kind: 'proposals', epoch: this.epoch, proposals: [proposal] });
  }

  accept(
    framework: FrameworkRef,
    offerIds: readonly string[],
    launches: readonly TaskDescription[],
    refuseMs = 5000,
  ): Effect[] {
    const operations = launches.length === 0 ? [] : [aLaunch(...launches)];
    return this.operate(framework, offerIds, operations, { filter: { refuseMs } });
  }

  /** An accept with any operations. */
  operate(
    framework: FrameworkRef,
    offerIds: readonly string[],
    operations: readonly OperationInput[],
    more: Partial<AcceptRequestInput> = {},
  ): Effect[] {
    const ids = offerIds.map((id) => OfferId.parse(id));
    const body = { offerIds: ids, operations: [...operations], ...more };
    return this.frameworkCall(framework, { verb: 'accept', body });
  }

  operateAsOperator(
    operation: OperationInput,
    agentId: AgentId = anAgentId(),
    role = 'r',
  ): Effect[] {
    const caller = { kind: 'operator', operator: PrincipalName.parse('admin') } as const;
    return this.call(caller, { verb: 'operatorOperate', body: { agentId, role, operation } });
  }

  /** What an operator sets about sharing, in one call. */
  share(changes: z.input<typeof SharingChange>[], { force = false } = {}): Effect[] {
    const caller = { kind: 'operator', operator: PrincipalName.parse('olga') } as const;
    return this.call(caller, { verb: 'operatorSharing', body: { changes, force } });
  }

  /** A running task on an agent of its own size, the order answered. */
  launch(
    framework: FrameworkRef,
    taskId: string,
    resources = some(1),
    agentId = anAgentId(),
    more: ProposalMore = {},
  ): TaskRef {
    const offerId = this.offer(framework, resources, agentId, more);
    const effects = this.accept(framework, [offerId], [aTask(taskId, resources)]);
    for (const { order } of of(effects, 'order')) this.answerOrder(order.orderId, agentId);
    return { ...framework, taskId: TaskId.parse(taskId) };
  }

  /** Of a task that lives or has ended. */
  taskState(taskId: string, framework: FrameworkRef = aFramework()): TaskState | undefined {
    const key = `${framework.principal}/${framework.frameworkId}/${taskId}`;
    return this.state.tasks.get(key)?.state ?? this.state.ended.get(key)?.state;
  }

  /** The name of a need for these resources. */
  shapeOf(
    resources: ResourcesInput,
    constraints: Constraints = [],
    revocable?: RevocableUse,
  ): string {
    return shapeOf(normalise(resources), constraints, revocable);
  }

  answerOrder(orderId: string, agentId: AgentId = anAgentId(), code?: 'unknownTask' | 'diskFull') {
    const failure = code && { code, message: 'no' };
    return this.enter({ kind: 'orderAnswered', agentId, orderId, ...(failure && { failure }) });
  }

  /** The agent's next update of a task, read from the stream. */
  update(task: TaskRef, state: StatusUpdate['state'], more: Partial<StatusUpdate> = {}): Effect[] {
    const key = `${task.principal}/${task.frameworkId}/${task.taskId}`;
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    return this.read({
      task,
      agentId: anAgentId(),
      source: 'agent',
      sequence,
      state,
      wallTimeMs: 1,
      ...more,
    });
  }

  /** Updates as they stand in the principal's stream, in order. */
  read(...updates: StatusUpdate[]): Effect[] {
    const [first] = updates;
    assert(first !== undefined, 'there is something to read');
    return this.enter(this.readInput(first.task.principal, updates));
  }

  readInput(principal: PrincipalName, updates: readonly StatusUpdate[]): InputOf {
    const before = this.#streams.get(principal) ?? 0;
    const readUpTo = before + updates.length;
    this.#streams.set(principal, readUpTo);
    const items = updates.map((update, index) => ({ streamSequence: before + index + 1, update }));
    return { kind: 'updates', principal, streamCreatedMs: 7, updates: items, readUpTo };
  }

  /** The leader's own updates among the effects, read back. */
  readBack(effects: Effects): Effect[] {
    return updatesOf(effects).flatMap((update) => this.read(update));
  }
}

export function of<Kind extends Effect['kind']>(effects: Effects, kind: Kind): EffectOf<Kind>[] {
  return effects.filter((effect): effect is EffectOf<Kind> => effect.kind === kind);
}

export const eventsOf = (effects: Effects): ClusterEvent[] =>
  of(effects, 'event').map(({ event }) => event);

export const factsOf = (effects: Effects) => of(effects, 'facts').flatMap(({ facts }) => facts);

/** The first of this kind. */
export const factOf = <Kind extends Fact['kind']>(effects: Effects, kind: Kind) =>
  factsOf(effects).find((fact): fact is FactOf<Kind> => fact.kind === kind);

/** What the leader writes about tasks itself. */
export const updatesOf = (effects: Effects): StatusUpdate[] =>
  of(effects, 'writeUpdate').map(({ update }) => update);

/** Why proposals did not become offers. */
export const whyRefused = (effects: Effects): string[] =>
  eventsOf(effects).flatMap((event) => (event.type === 'proposalRefused' ? [event.why] : []));

export function answerOf(effects: Effects): Answer {
  const [effect] = of(effects, 'answer');
  assert(effect !== undefined, 'the call was answered');
  return effect.answer;
}
