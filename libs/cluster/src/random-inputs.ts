// Owns random inputs for property tests: numbers choose among what the state holds and what it does not, so that
// most inputs take effect and some make no sense. All are valid by their schema.
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { TaskState } from '@parley/protocol/tasks';
import fc from 'fast-check';
import type { ClusterState } from './cluster-state.ts';
import { Input } from './inputs.ts';
import { effectiveState } from './leader-updates.ts';
import {
  type Dice,
  diceOf,
  ROLES,
  randomAccept,
  randomChange,
  randomDecline,
  randomProposal,
  randomRoleCall,
  randomSharing,
  randomSubscribe,
  units,
} from './random-calls.ts';
import {
  randomAgentChange,
  randomExecutors,
  randomExit,
  randomLaunch,
  randomMaintenance,
  randomTaskCall,
} from './random-tasks.ts';
import { aFramework, anAgentId } from './scripted-cluster.ts';

export type Choice = readonly [kind: number, a: number, b: number, c: number];
export type Step = { readonly passMs: number; readonly choices: readonly Choice[] };

const choice: fc.Arbitrary<Choice> = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99));
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    passMs: fc.oneof(
      { weight: 60, arbitrary: fc.nat(50) },
      { weight: 3, arbitrary: fc.nat(15_000) },
      { weight: 1, arbitrary: fc.nat(4_000_000) },
    ),
    choices: fc.array(choice, { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 20, maxLength: 60 },
);

const AGENTS = ['a1', 'a2', 'a3'].map((id) => anAgentId(id));
const FRAMEWORKS = ['f1', 'f2', 'f3'].map((id) => aFramework(id));
const frameworkOf = (a: number): FrameworkRef => pick(FRAMEWORKS, a) ?? aFramework();

/** One that has outstanding offers, where there is one. */
const holderOf = (state: ClusterState, a: number): FrameworkRef =>
  pick([...state.offers.rows()], a)?.framework ?? frameworkOf(a);

const pick = <T>(items: readonly T[], number: number): T | undefined =>
  items[number % Math.max(1, items.length)];

/** What was sent so far, for requests and stream positions; not part of the state. */
export class RandomInputs {
  #counter = 0;
  #streamSequence = 0;
  #proposal = 0;
  #term = 0;
  #made = 0;

  /** A cluster with agents and frameworks first, then whatever the numbers say. */
  make(state: ClusterState, choice: Choice): Input {
    const [, , b, c] = choice;
    this.#made += 1;
    if (this.#term === 0) return this.#startTerm(b);
    if (this.#made <= 1 + AGENTS.length) return this.#register(state, this.#made, b, c);
    if (this.#made <= 1 + AGENTS.length + FRAMEWORKS.length) {
      return this.#call(state, frameworkOf(this.#made), 1, randomSubscribe(diceOf(...choice)));
    }
    return this.#any(state, choice);
  }

  #any(state: ClusterState, choice: Choice): Input {
    const [kind, a, b, c] = choice;
    if (kind > 98) return this.#startTerm(b);
    if (kind < 4) return this.#register(state, a, b, c);
    if (kind < 6) return this.#oversubscribe(state, diceOf(...choice));
    if (kind < 28) return this.#propose(state, a, diceOf(...choice));
    if (kind < 60) return this.#frameworkCall(state, choice);
    if (kind === 65) return this.#revoke(state, choice);
    if (kind < 66) return this.#operate(state, c, diceOf(...choice));
    if (kind < 67) return this.#confirm(state, a, b);
    if (kind < 69) return this.#exit(state, c, diceOf(...choice));
    if (kind < 76) return this.#answerOrder(state, a, b);
    if (kind < 78) return this.#silence(state, a, b);
    if (kind < 88) return this.#readBack(state, a);
    return this.#update(state, a, b, c);
  }

  #frameworkCall(state: ClusterState, [kind, a, b, c]: Choice): Input {
    const roll = diceOf(kind, a, b, c);
    // Whoever has offers is asked to answer them, most of the time.
    const isAnswer = kind < 49 && b % 8 > 0;
    const framework = isAnswer ? holderOf(state, a) : frameworkOf(a);
    if (kind < 47) {
      const accept = randomAccept(state, { framework, roll, launch: randomLaunch });
      return this.#call(state, framework, c, accept);
    }
    if (kind < 49)
      return this.#call(state, framework, c, randomDecline(state, { framework, roll }));
    return this.#call(state, framework, c, this.#otherCall(state, [kind, a, b, c]));
  }

  #otherCall(state: ClusterState, [kind, a, b, c]: Choice): unknown {
    const roll = diceOf(kind, a, b, c);
    if (kind < 52) return randomRoleCall(roll);
    if (kind < 55) return randomTaskCall(state, frameworkOf(a), roll);
    if (kind < 58) return randomSubscribe(roll);
    return { verb: kind === 58 && b % 4 === 0 ? 'teardown' : 'resync', body: {} };
  }

  #startTerm(b: number): Input {
    this.#term += 1;
    return Input.parse({
      kind: 'termStarted',
      epoch: { bucketCreatedMs: 1, revision: this.#term },
      masterId: 'master-1',
      settings: {
        endedTasksPerFramework: b % 4,
        answersPerCaller: 5,
        endedTasksMs: 1000 * b,
        revocationNoticeMs: (b % 3) * 20,
        revocationGraceMs: 100,
        revocationExtensionMs: 300,
        outstandingCapPermille: b % 3 === 0 ? 1000 : 400,
      },
    });
  }

  #request(c: number) {
    this.#counter += 1;
    const lowest = Math.max(1, this.#counter - (c % 10));
    return { session: `s${c % 3}`, counter: this.#counter, lowest };
  }

  #register(state: ClusterState, a: number, b: number, c: number): Input {
    const agentId = pick(AGENTS, a) ?? anAgentId();
    const known = [...state.tasks.rows()].filter((task) => task.agentId === agentId);
    const tasks = known
      .filter((_, index) => (c + index) % 4 !== 0)
      .map(({ task, state: named }) => ({
        task,
        state: named === 'unreachable' ? 'running' : named,
        lastSequence: 0,
      }));
    return Input.parse({
      kind: 'call',
      caller: { kind: 'agent', agentId },
      request: this.#request(c),
      call: {
        verb: 'register',
        body: {
          hostname: 'h',
          total: { ...units(b % 7 === 0 ? 2 : 10), ports: [[1000, 1010]] },
          attributes: b % 3 === 0 ? { zone: 'z' } : {},
          ...(c % 3 > 0 && { revocable: units(c % 4) }),
          ...(c % 5 === 0 && { domain: { region: 'r', zone: `z${a % 2}` } }),
          tasks,
          executors: randomExecutors(state, agentId, diceOf(a, b, c)),
        },
      },
    });
  }

  #oversubscribe(state: ClusterState, roll: Dice): Input {
    const agent = pick([...state.agents.rows()], roll(3));
    return Input.parse({
      kind: 'agentOversubscribed',
      agentId: agent?.agentId ?? 'a1',
      registration: (agent?.registration ?? 1) - (roll(9) === 0 ? 1 : 0),
      revocable: roll(5) === 0 ? {} : { ...units(roll(6)), ports: roll(9) === 0 ? [[1, 2]] : [] },
    });
  }

  #call(state: ClusterState, framework: FrameworkRef, c: number, call: unknown): Input {
    const session = state.frameworks.get(`alice/${framework.frameworkId}`)?.session ?? 1;
    return Input.parse({
      kind: 'call',
      caller: { kind: 'framework', ...framework },
      request: this.#request(c),
      frameworkSession: c % 23 === 0 ? session - 1 : session,
      call,
    });
  }

  #propose(state: ClusterState, a: number, roll: Dice): Input {
    const proposals = Array.from({ length: 1 + roll(2) }, () => {
      this.#proposal += 1;
      return randomProposal(state, { number: this.#proposal, framework: frameworkOf(a), roll });
    });
    const epoch = { bucketCreatedMs: 1, revision: 1 };
    return Input.parse({ kind: 'proposals', epoch, proposals });
  }

  #operate(state: ClusterState, c: number, roll: Dice): Input {
    const agentId = pick(AGENTS, roll(3)) ?? anAgentId();
    const role = ROLES[roll(3)] ?? 'web';
    const body = {
      agentId,
      role,
      operation: randomChange(state, { agentId, role, roll }),
    };
    const teardown = { framework: frameworkOf(roll(3)) };
    return Input.parse({
      kind: 'call',
      caller: { kind: 'operator', operator: 'admin' },
      request: this.#request(c),
      call: [
        { verb: 'operatorTeardown', body: teardown },
        randomAgentChange(roll),
        randomAgentChange(roll),
        randomSharing(FRAMEWORKS, roll),
        randomSharing(FRAMEWORKS, roll),
        randomMaintenance(roll),
        {
          verb: 'operatorKill',
          body: { task: { ...frameworkOf(roll(3)), taskId: `t${roll(30)}` } },
        },
      ][roll(15)] ?? { verb: 'operatorOperate', body },
    });
  }

  /** Half of them answer a question that was asked of a task. */
  #revoke(state: ClusterState, [, a, b, c]: Choice): Input {
    const task = pick([...state.tasks.rows()], a);
    const asked = pick([...state.revocations.rows()], a);
    if (asked !== undefined && b % 2 === 0) {
      const answer = c % 2 === 0 ? { kind: 'stopping' } : { kind: 'needsTime', needMs: 10 * c };
      return Input.parse({
        kind: 'call',
        caller: { kind: 'agent', agentId: asked.agentId },
        request: this.#request(c),
        call: { verb: 'stopAnswered', body: { task: asked.task, answer } },
      });
    }
    if (task === undefined) return { kind: 'tick' };
    return Input.parse({
      kind: 'revocations',
      epoch: { bucketCreatedMs: 1, revision: 1 },
      revocations: [
        {
          task: task.task,
          agentId: c % 11 === 0 ? 'a9' : task.agentId,
          beneficiary: { framework: frameworkOf(b), role: ROLES[c % 3] ?? 'web' },
          reason: 'starved',
        },
      ],
      calledOff: asked !== undefined && c % 3 === 0 ? [asked.task] : [],
    });
  }

  #exit(state: ClusterState, c: number, roll: Dice): Input {
    const { agentId, body } = randomExit(state, roll);
    return Input.parse({
      kind: 'call',
      caller: { kind: 'agent', agentId },
      request: this.#request(c),
      call: { verb: 'executorExited', body },
    });
  }

  #confirm(state: ClusterState, a: number, b: number): Input {
    const framework = frameworkOf(a);
    const known = state.frameworks.get(frameworkKey(framework));
    const session = (known?.session ?? 1) - (b % 7 === 0 ? 1 : 0);
    return { kind: 'frameworkConfirmed', framework, session, number: known?.lastNumber ?? b };
  }

  #answerOrder(state: ClusterState, a: number, b: number): Input {
    const order = pick([...state.orders.rows()], a)?.order;
    const codes = ['unknownTask', 'diskFull', 'overloaded'] as const;
    const code = b % 4 === 0 ? pick(codes, b) : undefined;
    return Input.parse({
      kind: 'orderAnswered',
      agentId: order?.agentId ?? 'a1',
      orderId: order?.orderId ?? 'none',
      ...(code && { failure: { code, message: 'no' } }),
    });
  }

  #silence(state: ClusterState, a: number, b: number): Input {
    const agent = pick([...state.agents.rows()], a);
    const framework = pick([...state.frameworks.rows()], a);
    if (b % 2 === 0 && agent !== undefined) {
      const { agentId, registration } = agent;
      return { kind: 'agentSilent', agentId, registration: registration - (b % 3 === 0 ? 1 : 0) };
    }
    const session = framework?.session ?? 1;
    return {
      kind: 'frameworkSilent',
      framework: framework?.framework ?? aFramework(),
      session: session - (b % 5 === 0 ? 1 : 0),
    };
  }

  #readBack(state: ClusterState, a: number): Input {
    const updates = [...state.unwritten.rows()].slice(0, a % 5).map(({ update }) => update);
    return this.#read(updates);
  }

  #update(state: ClusterState, a: number, b: number, c: number): Input {
    const task = pick([...state.tasks.rows()], a);
    const next = c % 3 === 0 ? 'running' : pick(TaskState.options, b);
    if (task === undefined) return { kind: 'tick' };
    const update = {
      task: task.task,
      agentId: c % 17 === 0 ? 'a9' : task.agentId,
      source: 'agent',
      sequence: Math.max(1, task.agentSequence + 1 - (c % 7 === 0 ? 1 : 0)),
      state: effectiveState(task) === 'staging' && c % 2 === 0 ? 'running' : next,
      wallTimeMs: c,
    };
    return this.#read([update]);
  }

  #read(updates: readonly unknown[]): Input {
    const first = this.#streamSequence + 1;
    this.#streamSequence += updates.length;
    return Input.parse({
      kind: 'updates',
      principal: 'alice',
      streamCreatedMs: 7,
      updates: updates.map((update, index) => ({ streamSequence: first + index, update })),
      readUpTo: this.#streamSequence,
    });
  }
}
