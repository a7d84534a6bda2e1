// Owns a cluster in virtual time: the real leader and the real allocator, with agents and frameworks reduced to the messages that
// they send. Frameworks launch a task on every offer, a task fills an agent, each as in the Mesos paper (NSDI 2011); time goes on in
// turns, and what is sent in one arrives in the next. How long tasks are follows from how many are to begin in a turn.
import { SeededRandom } from '@parley/allocation/seeded-random';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { MasterOutput } from '@parley/master/master-actor';
import { inboxPrefix } from '@parley/protocol/credential';
import {
  AgentId,
  FrameworkId,
  type FrameworkRef,
  PrincipalName,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import {
  decodeAnswer,
  decodeMessage,
  encodeMessage,
  type Outgoing,
} from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { PlayedAllocator } from './played-allocator.ts';
import { CLUSTER, type Heard, type Part, PlayedLeader } from './played-leader.ts';
import type { Stopwatch } from './stopwatch.ts';

export type ClusterPlan = {
  readonly agents: number;
  readonly frameworks: number;
  /** That begin in one, on average: with them the inputs of an entry. */
  readonly tasksATurn: number;
};

/** An append, and what arrives meanwhile. */
const TURN_MS = 10;
const FRAMEWORKS_A_PRINCIPAL = 10;
const AGENTS_REGISTERED_A_TURN = 1000;
const FRAMEWORK_HEARTBEAT_MS = 5000;
/** In which no task is launched while the cluster fills. */
const MAX_IDLE_TURNS = 1000;
const SESSION = 1;
const TOTAL: Resources = {
  scalars: { cpus: 1000, mem: 1_024_000, disk: 1_024_000 },
  ports: [],
  sets: {},
};
const FACTS = subjectOf(SUBJECTS.facts, CLUSTER, {});
/** As long as a digest. */
const STANDING = '0'.repeat(32);

type Framework = {
  readonly ref: FrameworkRef;
  readonly role: RoleName;
  calls: number;
  done: number;
};
type Task = {
  readonly framework: FrameworkRef;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
};

export class PlayedCluster {
  readonly #plan: ClusterPlan;
  readonly #watch: Stopwatch<Part>;
  readonly #leader: PlayedLeader;
  readonly #frameworks = new Map<string, Framework>();
  readonly #random = new SeededRandom(1);
  #allocator: PlayedAllocator | undefined;
  #agents: AgentId[] = [];
  /** By the turn at whose beginning they end. */
  #ending = new Map<number, Task[]>();
  /** Sent in this turn: heard in the next. */
  #toLeader: Heard[] = [];
  #toAllocator: Outgoing[] = [];
  #orders: string[] = [];
  /** Their agents answer in the next turn. */
  #ordered: Task[] = [];
  #turn = 0;
  #launched = 0;
  #begun = 0;
  #ended = 0;
  #beats = 0;
  #beatsDue = 0;
  #heartbeatMs = 0;
  #isFilling = true;
  #takesOffers = true;

  constructor(plan: ClusterPlan, watch: Stopwatch<Part>) {
    this.#plan = plan;
    this.#watch = watch;
    for (let index = 0; index < plan.frameworks; index += 1) {
      const principal = PrincipalName.parse(`team-${Math.floor(index / FRAMEWORKS_A_PRINCIPAL)}`);
      const ref = { principal, frameworkId: FrameworkId.parse(`framework-${index}`) };
      const role = RoleName.parse(`role-${index}`);
      const framework = { ref, role, calls: 0, done: 0 };
      this.#frameworks.set(subjectOf(SUBJECTS.offers, CLUSTER, ref), framework);
    }
    const byPrincipal = Map.groupBy(this.#frameworks.values(), ({ ref }) => ref.principal);
    const principals = [...byPrincipal].map(
      ([principal, own]) => [principal, { roles: own.map(({ role }) => role) }] as const,
    );
    this.#leader = new PlayedLeader(watch, new Map(principals));
  }

  get leader(): PlayedLeader {
    return this.#leader;
  }

  get state(): ClusterState {
    return this.#leader.replica.state;
  }

  /** Tasks that the leader has heard the end of, and heartbeats that it has heard. */
  get counts(): { readonly ended: number; readonly beats: number } {
    return { ended: this.#ended, beats: this.#beats };
  }

  /** Of an agent, as the leader wants it. */
  get heartbeatMs(): number {
    return this.#heartbeatMs;
  }

  /** Everybody is there, and every agent has a task. */
  fill(): void {
    this.#register();
    this.#subscribe();
    this.#allocator = new PlayedAllocator(this.#watch);
    this.#toLeader.push(...this.#allocator.start(this.#nowMs));
    for (let idle = 0; this.#launched < this.#plan.agents; idle += 1) {
      if (idle > MAX_IDLE_TURNS) throw new Error(`only ${this.#launched} tasks were launched`);
      const before = this.#launched;
      this.turn();
      if (this.#launched > before) idle = 0;
    }
    this.#isFilling = false;
  }

  /** No task begins any more: until all have ended, or for so many turns. */
  drain(maxTurns: number): void {
    this.#takesOffers = false;
    for (let turn = 0; turn < maxTurns && this.state.tasks.size > 0; turn += 1) this.turn();
  }

  turn(): void {
    this.#turn += 1;
    const nowMs = this.#nowMs;
    this.#leader.hear(this.#takeHeartbeats(), nowMs, 'heartbeats');
    this.#leader.orderReplied(this.#orders, nowMs);
    this.#report(this.#takeUpdates());
    const heard = this.#toLeader;
    this.#toLeader = [];
    this.#orders = [];
    this.#leader.hear(heard, nowMs);
    const outputs = this.#leader.commit(nowMs);
    for (const framework of this.#frameworks.values()) framework.done = framework.calls;
    this.#carryOut(outputs);
    // The leader has few orders under way at a time: thousands at once would take many turns.
    while (this.#isFilling && this.#orders.length > 0) {
      const orders = this.#orders;
      this.#orders = [];
      this.#leader.orderReplied(orders, nowMs);
      this.#carryOut(this.#leader.commit(nowMs));
    }
    const facts = this.#toAllocator;
    this.#toAllocator = [];
    this.#toLeader.push(...(this.#allocator?.hear(facts, nowMs) ?? []));
  }

  /** For measuring the memory of what is left. */
  forgetAllocator(): void {
    this.#allocator = undefined;
    this.#toLeader = [];
    this.#toAllocator = [];
  }

  /** Likewise. */
  forgetAgents(): void {
    this.#agents = [];
    this.#ending = new Map();
    this.#ordered = [];
  }

  get #nowMs(): number {
    return this.#turn * TURN_MS;
  }

  #register(): void {
    const count = this.#plan.agents;
    this.#agents = Array.from({ length: count }, (_, index) => AgentId.parse(`agent-${index}`));
    let last: MasterOutput | undefined;
    for (let at = 0; at < count; at += AGENTS_REGISTERED_A_TURN) {
      this.#turn += 1;
      const some = this.#agents.slice(at, at + AGENTS_REGISTERED_A_TURN);
      this.#leader.hear(some.map(registration), this.#nowMs);
      const answers = this.#leader.commit(this.#nowMs);
      last = answers.findLast((one) => one.kind === 'publish' && one.subject.startsWith('_INBOX'));
    }
    if (last?.kind !== 'publish') throw new Error('a registration is answered');
    const answer = decodeAnswer(SUBJECTS.register, last.bytes);
    if (!answer.ok || !answer.value.answer.ok) throw new Error('not registered');
    const { heartbeatIntervalMs } = answer.value.answer.value as { heartbeatIntervalMs: number };
    this.#heartbeatMs = heartbeatIntervalMs;
    if (this.state.agents.size !== count) throw new Error('not every agent is registered');
  }

  #subscribe(): void {
    this.#turn += 1;
    const calls = [...this.#frameworks.values()].map((framework) => {
      const body = { name: framework.ref.frameworkId, roles: [framework.role] };
      const request = requestOf(framework);
      return replying(
        framework,
        encodeMessage(SUBJECTS.subscribe, CLUSTER, framework.ref, body, { request }),
      );
    });
    this.#leader.hear(calls, this.#nowMs);
    this.#leader.commit(this.#nowMs);
  }

  /** Those of this turn: all agents within an interval, all frameworks within theirs. */
  #takeHeartbeats(): Heard[] {
    const beats: Heard[] = [];
    this.#beatsDue += (this.#agents.length * TURN_MS) / this.#heartbeatMs;
    for (; this.#beatsDue >= 1; this.#beatsDue -= 1) {
      const agentId = this.#agents[this.#beats % this.#agents.length];
      if (agentId === undefined) break;
      this.#beats += 1;
      const body = { runningTasks: 1, standing: STANDING };
      beats.push(encodeMessage(SUBJECTS.agentHeartbeat, CLUSTER, { agentId }, body));
    }
    if ((this.#turn * TURN_MS) % FRAMEWORK_HEARTBEAT_MS === 0) {
      for (const { ref } of this.#frameworks.values()) {
        const body = { session: SESSION, confirmed: 0 };
        beats.push(encodeMessage(SUBJECTS.frameworkHeartbeat, CLUSTER, ref, body));
      }
    }
    return beats;
  }

  #takeUpdates(): (Outgoing & { principal: PrincipalName })[] {
    const ending = this.#ending.get(this.#turn) ?? [];
    this.#ending.delete(this.#turn);
    this.#ended += ending.length;
    const begun = this.#ordered;
    this.#ordered = [];
    for (const task of begun) this.#endLater(task);
    return [
      ...begun.map((task) => update(task, 'running', this.#nowMs)),
      ...ending.map((task) => update(task, 'finished', this.#nowMs)),
    ];
  }

  #report(updates: readonly (Outgoing & { principal: PrincipalName })[]): void {
    for (const [principal, own] of Map.groupBy(updates, (one) => one.principal)) {
      this.#leader.readStream(principal, own, this.#nowMs);
    }
  }

  /** Two thirds of the mean to four; what the cluster is filled with ends as what was there for long would. */
  #endLater(task: Task): void {
    const meanTurns = this.#plan.agents / this.#plan.tasksATurn;
    const share = (this.#random.next() >>> 0) / 2 ** 32;
    this.#begun += 1;
    const isFirst = this.#begun <= this.#plan.agents;
    const turns = isFirst ? share * meanTurns : ((2 + 2 * share) / 3) * meanTurns;
    const turn = this.#turn + Math.max(1, Math.round(turns));
    const ending = this.#ending.get(turn);
    if (ending === undefined) this.#ending.set(turn, [task]);
    else ending.push(task);
  }

  #carryOut(outputs: readonly MasterOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'order') this.#obey(output);
      if (output.kind !== 'publish') continue;
      if (output.subject === FACTS) this.#toAllocator.push(output);
      const framework = this.#frameworks.get(output.subject);
      if (framework !== undefined && this.#takesOffers) this.#take(framework, output);
    }
  }

  #obey({ orderId, subject, bytes }: Extract<MasterOutput, { kind: 'order' }>): void {
    const order = decodeMessage(SUBJECTS.run, CLUSTER, subject, bytes);
    if (!order.ok) throw new Error(order.failure.message);
    const { parameters, body } = order.value;
    const { framework, description } = body;
    this.#orders.push(orderId);
    this.#ordered.push({ framework, taskId: description.taskId, agentId: parameters.agentId });
  }

  #take(framework: Framework, { subject, bytes }: Outgoing): void {
    const message = decodeMessage(SUBJECTS.offers, CLUSTER, subject, bytes);
    if (!message.ok) throw new Error(message.failure.message);
    for (const { offerId, resources } of message.value.body.offers) {
      this.#launched += 1;
      const taskId = TaskId.parse(`task-${this.#launched}`);
      const command = { argv: ['/bin/sh', '-c', 'sleep 30'], environment: { STEP: 'one' } };
      const body = {
        offerIds: [offerId],
        operations: [{ kind: 'launch' as const, tasks: [{ taskId, resources, command }] }],
        filter: { refuseMs: 0 },
      };
      const header = { request: requestOf(framework), frameworkSession: SESSION };
      const parameters = { ...framework.ref, offerId };
      const accept = encodeMessage(SUBJECTS.accept, CLUSTER, parameters, body, header);
      this.#toLeader.push(replying(framework, accept));
    }
  }
}

function registration(agentId: AgentId, index: number): Heard {
  const attributes = { zone: `zone-${index % 3}`, rack: `rack-${index % 500}` };
  const body = { hostname: `${agentId}.example.org`, total: TOTAL, attributes, tasks: [] };
  const request = { session: 'beyond', counter: 1, lowest: 1 };
  const message = encodeMessage(SUBJECTS.register, CLUSTER, { agentId }, body, { request });
  return { ...message, reply: `${inboxPrefix({ kind: 'agent', id: agentId })}.1` };
}

/** What was called in earlier turns is answered. */
function requestOf(framework: Framework) {
  framework.calls += 1;
  return { session: 'beyond', counter: framework.calls, lowest: framework.done + 1 };
}

const replying = ({ ref }: Framework, message: Outgoing): Heard => ({
  ...message,
  reply: `${inboxPrefix({ kind: 'principal', id: ref.principal })}.1`,
});

function update(
  { framework, taskId, agentId }: Task,
  state: 'running' | 'finished',
  nowMs: number,
) {
  const task = { ...framework, taskId };
  const body = {
    ...{ task, agentId, source: 'agent' as const, state },
    ...{ sequence: state === 'running' ? 1 : 2, wallTimeMs: 1_790_000_000_000 + nowMs },
  };
  const message = encodeMessage(SUBJECTS.update, CLUSTER, { ...task, source: agentId }, body);
  return { ...message, principal: framework.principal };
}
