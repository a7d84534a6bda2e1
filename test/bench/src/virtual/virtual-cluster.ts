// Owns a cluster in virtual time for experiments about scheduling: the master's real core with its books, and the real
// allocator; agents that do nothing but sleep as long as a task says; between them messages that take a while. No bus, no
// disk and no process: what a task costs on a machine is not in it, who gets what is.
import { Allocator } from '@parley/allocation/allocator';
import { clusterCore, factsSnapshot, nextDeadlineMs } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { type Caller, ClusterSettings, Input, type Order } from '@parley/cluster/inputs';
import { checkInvariants } from '@parley/cluster/invariants';
import type { FactsMessage } from '@parley/protocol/allocation';
import {
  ActorId,
  AgentId,
  FrameworkId,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
  RoleName,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { StatusUpdate, TaskDescription } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { Clock } from '@parley/test-simulation/clock';

/** One way of any message, milliseconds. */
const MESSAGE_MS = 1;
/** From an input to the commit of the entry that it is in. */
const ENTRY_MS = 2;
/** From the order until the task runs. */
const START_MS = 50;
/** Of an experiment. */
const MOST_MS = 4 * 3600_000;
const EPOCH = { bucketCreatedMs: 1, revision: 1 };
const PRINCIPAL = PrincipalName.parse('bench');
const RULES_VERSION = clusterCore.rulesVersion;

/** What a scheduler hears. */
export type Listener = {
  offered(offers: readonly Offer[]): void;
  rescinded(offerIds: readonly string[]): void;
  updated(update: StatusUpdate): void;
};

export type VirtualAgents = {
  readonly count: number;
  /** Of the first agent; 0 when left out. They are called `agent-0`, `agent-1` and so on. */
  readonly firstNumber?: number;
  readonly total: Resources;
  /** Of the order in which agents are looked at. */
  readonly seed: number;
};

/** The value of the command `sleep MS` of a task: how it is told how long it takes. */
export const sleepFor = (lengthMs: number): { argv: string[] } => ({
  argv: ['sleep', String(Math.round(lengthMs))],
});

export const agentNumber = (number: number): AgentId => AgentId.parse(`agent-${number}`);

export class VirtualCluster {
  readonly clock = new Clock();
  readonly state: ClusterState = clusterCore.create();
  readonly agents: readonly AgentId[];
  readonly #allocator: Allocator;
  readonly #listeners = new Map<string, Listener>();
  readonly #counters = new Map<string, number>();
  readonly #answers = new Map<string, (answer: Answer) => void>();
  #inputs: Input[] = [];
  #updates: StatusUpdate[] = [];
  #isEntryDue = false;
  #sequence = 0;
  #readUpTo = 0;
  #tickAtMs: number | undefined;
  #wakeAtMs: number | undefined;

  constructor({ count, firstNumber = 0, total, seed }: VirtualAgents) {
    this.#allocator = new Allocator({ seed });
    this.agents = Array.from({ length: count }, (_, index) => agentNumber(firstNumber + index));
    // Nothing is taken back from tasks that run, as in the papers.
    const settings = ClusterSettings.parse({ reclaims: false });
    const masterId = ActorId.parse('master-1');
    this.#inputs.push({ kind: 'termStarted', epoch: EPOCH, masterId, settings });
    for (const agentId of this.agents) {
      const body = { hostname: agentId, attributes: {}, total, tasks: [] };
      this.#call({ kind: 'agent', agentId }, 'register', body);
    }
    this.#commit();
    this.#allocator.started(EPOCH, 0);
    this.#tellAll();
  }

  get nowMs(): number {
    return this.clock.nowMs;
  }

  /** In a role of its own name. `body`: what else its subscription says. */
  join(name: string, listener: Listener, body: object = {}): VirtualScheduler {
    const ref = { principal: PRINCIPAL, frameworkId: FrameworkId.parse(name) };
    this.#listeners.set(frameworkKey(ref), listener);
    const call = (verb: string, more: object, answered?: (answer: Answer) => void): void =>
      this.#call({ kind: 'framework', ...ref }, verb, more, answered);
    call('subscribe', { name, roles: [name], ...body });
    return { ref, role: RoleName.parse(name), call };
  }

  /** What an operator sets. */
  weigh(role: string, weight: number): void {
    const operator = PrincipalName.parse('operator');
    const changes = [{ kind: 'role', role, weight }];
    this.#call({ kind: 'operator', operator }, 'operatorSharing', { changes });
  }

  /** Of the role's tasks, thousandths. */
  allocatedTo(role: RoleName, name: string): number {
    return this.state.books.roles.get(role)?.allocated.get(name) ?? 0;
  }

  /** Lets time pass for as long as `isOver` is false. Throws when nothing is left to happen, or nothing comes of it. */
  run(isOver: () => boolean): void {
    while (!isOver()) {
      assert(this.clock.step(), 'something is still to happen');
      assert(this.nowMs <= MOST_MS, 'it is over within hours');
    }
  }

  /** Throws when the books contradict themselves. */
  check(): void {
    const broken = checkInvariants(this.state);
    assert(broken.length === 0, broken.join('; '));
    this.#allocator.checkInvariants();
  }

  #call(caller: Caller, verb: string, body: object, answered?: (answer: Answer) => void): void {
    const key = JSON.stringify(caller);
    const counter = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, counter);
    if (answered !== undefined) this.#answers.set(`${key} ${counter}`, answered);
    const request = { session: 's', counter, lowest: Math.max(1, counter - 64) };
    const session = caller.kind === 'framework' && verb !== 'subscribe' && { frameworkSession: 1 };
    const call = { verb, body };
    const input = Input.parse({ kind: 'call', caller, request, call, ...session });
    this.clock.after(MESSAGE_MS, () => this.#enter(input));
  }

  #enter(input: Input): void {
    this.#inputs.push(input);
    this.#planEntry();
  }

  #planEntry(): void {
    if (this.#isEntryDue) return;
    this.#isEntryDue = true;
    this.clock.after(ENTRY_MS, () => {
      this.#isEntryDue = false;
      this.#commit();
    });
  }

  /** Everything that has come meanwhile is one entry. */
  #commit(): void {
    this.#sequence += 1;
    const context = {
      sequence: this.#sequence,
      epoch: EPOCH,
      coreTimeMs: this.nowMs,
      wallTimeMs: this.nowMs,
      rulesVersion: RULES_VERSION,
    };
    const inputs = [...this.#takeUpdates(), ...this.#inputs];
    this.#inputs = [];
    const effects = clusterCore.begin(this.state, context);
    for (const input of inputs) effects.push(...clusterCore.step(this.state, context, input));
    effects.push(...clusterCore.finish(this.state, context));
    for (const effect of effects) this.#carryOut(effect);
    this.#planTick();
  }

  #takeUpdates(): Input[] {
    if (this.#updates.length === 0) return [];
    const updates = this.#updates.map((update, index) => ({
      streamSequence: this.#readUpTo + index + 1,
      update,
    }));
    this.#updates = [];
    this.#readUpTo += updates.length;
    const position = { streamCreatedMs: 1, readUpTo: this.#readUpTo };
    return [{ kind: 'updates', principal: PRINCIPAL, updates, ...position }];
  }

  #planTick(): void {
    const dueMs = nextDeadlineMs(this.state);
    if (dueMs === undefined || (this.#tickAtMs ?? Number.POSITIVE_INFINITY) <= dueMs) return;
    this.#tickAtMs = dueMs;
    this.clock.after(dueMs - this.nowMs, () => {
      if (this.#tickAtMs !== dueMs) return;
      this.#tickAtMs = undefined;
      this.#enter({ kind: 'tick' });
    });
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'offers':
        this.#tell(effect.framework, (one) => one.offered(effect.message.offers));
        break;
      case 'rescind':
        this.#tell(effect.framework, (one) => one.rescinded(effect.message.offerIds));
        break;
      case 'order':
        this.clock.after(MESSAGE_MS, () => this.#obey(effect.order));
        break;
      case 'writeUpdate':
        this.clock.after(MESSAGE_MS, () => this.#report(effect.update));
        break;
      case 'facts': {
        const { sequence, previous, facts } = effect;
        this.clock.after(MESSAGE_MS, () => this.#hear({ sequence, previous, facts: [...facts] }));
        break;
      }
      case 'answer':
        this.#answer(effect);
        break;
      default:
    }
  }

  #answer({ caller, request, answer }: Extract<Effect, { kind: 'answer' }>): void {
    const key = `${JSON.stringify(caller)} ${request.counter}`;
    assert(answer.ok, `a call is answered: ${answer.ok ? '' : answer.failure.message}`);
    const answered = this.#answers.get(key);
    this.#answers.delete(key);
    if (answered !== undefined) this.clock.after(MESSAGE_MS, () => answered(answer));
  }

  #tell(framework: FrameworkRef, say: (listener: Listener) => void): void {
    const listener = this.#listeners.get(frameworkKey(framework));
    assert(listener !== undefined, 'who is told something has joined');
    this.clock.after(MESSAGE_MS, () => say(listener));
  }

  #obey(order: Order): void {
    assert(order.kind === 'run', 'tasks are run, and nothing else');
    const { orderId, agentId, body } = order;
    this.#enter({ kind: 'orderAnswered', agentId, orderId });
    const { framework, description } = body;
    const task = { ...framework, taskId: description.taskId };
    const update = { task, agentId, source: 'agent', wallTimeMs: 0 } as const;
    this.clock.after(START_MS, () => {
      this.#report({ ...update, sequence: 1, state: 'running' });
      this.clock.after(lengthOf(description), () =>
        this.#report({ ...update, sequence: 2, state: 'finished' }),
      );
    });
  }

  /** Into the principal's stream, which the master and the framework read. */
  #report(update: StatusUpdate): void {
    this.#updates.push(update);
    this.#planEntry();
    this.#tell(update.task, (one) => one.updated(update));
  }

  #tellAll(): void {
    const { factsSequence: sequence } = this.state.record;
    const snapshot = { part: 1, parts: 1 };
    this.#hear({ sequence, previous: sequence, facts: factsSnapshot(this.state), snapshot });
  }

  #hear(message: FactsMessage): void {
    const asked = this.#allocator.facts(message, this.nowMs);
    assert(asked.length === 0, 'no fact is missed');
    this.#planWake();
  }

  #planWake(): void {
    const wakeMs = Math.max(this.nowMs, this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(wakeMs) || (this.#wakeAtMs ?? Number.POSITIVE_INFINITY) <= wakeMs) return;
    this.#wakeAtMs = wakeMs;
    this.clock.after(wakeMs - this.nowMs, () => {
      if (this.#wakeAtMs !== wakeMs) return;
      this.#wakeAtMs = undefined;
      this.#allocate();
    });
  }

  #allocate(): void {
    for (const effect of this.#allocator.tick(this.nowMs)) {
      // It has heard nothing for long.
      if (effect.kind === 'requestSnapshot')
        this.clock.after(2 * MESSAGE_MS, () => this.#tellAll());
      else {
        assert(effect.kind === 'propose', 'nothing is taken back');
        const { proposals } = effect;
        const input: Input = { kind: 'proposals', epoch: EPOCH, proposals };
        this.clock.after(MESSAGE_MS, () => this.#enter(input));
      }
    }
    this.#planWake();
  }
}

/** `call`: the body as the protocol has it; `answered` is told the answer, which is never a failure. */
export type VirtualScheduler = {
  readonly ref: FrameworkRef;
  readonly role: RoleName;
  readonly call: (verb: string, body: object, answered?: (answer: Answer) => void) => void;
};

function lengthOf({ command }: TaskDescription): number {
  const [program, lengthMs] = command?.argv ?? [];
  assert(program === 'sleep' && lengthMs !== undefined, 'tasks sleep');
  return Number(lengthMs);
}
