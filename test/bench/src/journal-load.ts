// Owns a made-up journal of a busy cluster: agents, frameworks, and tasks that are offered, launched, run and end, written
// by a real leader. The entries are kept as bytes; nothing is published.
import type { AppendRequest } from '@parley/actor/journal';
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { type Call, type Caller, ClusterSettings, Input } from '@parley/cluster/inputs';
import {
  ActorId,
  AgentId,
  FrameworkId,
  type FrameworkRef,
  PrincipalName,
  RoleName,
  type TaskRef,
} from '@parley/protocol/ids';
import type { StatusUpdate, TaskState } from '@parley/protocol/tasks';

export type Entry = { readonly bytes: Uint8Array; readonly inputs: number };
export type BusyCluster = {
  readonly agents: number;
  readonly frameworks: number;
  readonly tasksAnAgent: number;
};

const MASTER = ActorId.parse('master-1');
const EPOCH = { bucketCreatedMs: 1, revision: 1 };
const ROLE = RoleName.parse('bench');
const FRAMEWORKS_A_PRINCIPAL = 10;
const INPUTS_AN_ENTRY = 100;
const PROPOSALS_AN_INPUT = 20;
const UPDATES_AN_INPUT = 20;
const MS_AN_ENTRY = 2;

type Offered = { readonly framework: FrameworkRef; readonly offerId: string };
type Running = { readonly task: TaskRef; readonly agentId: AgentId };
type CallInput = { readonly verb: Call['verb']; readonly body: unknown };

export class JournalLoad {
  readonly replica = new Replica<ClusterState, Input, Effect>(clusterCore);
  readonly #leader: JournaledLeader<ClusterState, Input, Effect>;
  readonly #cluster: BusyCluster;
  readonly #write: (entry: Entry, request: AppendRequest) => Promise<void>;
  readonly #counters = new Map<string, number>();
  readonly #streams = new Map<string, number>();
  #agents: AgentId[] = [];
  #running: Running[] = [];
  #proposals = 0;
  #tasks = 0;
  #nonces = 0;
  #nowMs = 0;

  /** `write`: keeps an entry, before it is stepped. */
  constructor(
    cluster: BusyCluster,
    write: (entry: Entry, request: AppendRequest) => Promise<void>,
  ) {
    this.#cluster = cluster;
    this.#write = write;
    this.#leader = new JournaledLeader<ClusterState, Input, Effect>({
      replica: this.replica,
      epoch: EPOCH,
      makeNonce: () => `nonce-${++this.#nonces}`,
      limits: { maxInputsPerEntry: INPUTS_AN_ENTRY },
    });
  }

  /** Every agent registered, every framework subscribed, every agent full of running tasks. */
  async fill(): Promise<void> {
    const settings = ClusterSettings.parse({ outstandingCapPermille: 1000 });
    await this.#enter([{ kind: 'termStarted', epoch: EPOCH, masterId: MASTER, settings }]);
    this.#agents = Array.from({ length: this.#cluster.agents }, (_, index) =>
      AgentId.parse(`agent-${index}`),
    );
    await this.#enter(this.#agents.map((agentId, index) => this.#registration(agentId, index)));
    await this.#enter(this.#frameworks().map((framework) => this.#subscription(framework)));
    for (let at = 0; at < this.#agents.length; at += 1000) {
      await this.#launchOn(this.#agents.slice(at, at + 1000));
    }
  }

  /** The tasks that run longest end on so many agents, and others take their place. */
  async turnOver(agents: number): Promise<void> {
    const ending = this.#running.splice(0, agents * this.#cluster.tasksAnAgent);
    await this.#enter(this.#updates(ending, 'finished', 2));
    await this.#launchOn([...new Set(ending.map(({ agentId }) => agentId))]);
  }

  /** So many calls that change nothing but what a framework asks for: one after the other of all frameworks. */
  async demand(calls: number): Promise<void> {
    const frameworks = this.#frameworks();
    const inputs = Array.from({ length: calls }, (_, index) => {
      const framework = frameworks[index % frameworks.length] ?? frameworks[0];
      if (framework === undefined) throw new Error('there is a framework');
      const body = { demand: [] };
      return this.#call({ kind: 'framework', ...framework }, { verb: 'demand', body });
    });
    await this.#enter(inputs);
  }

  async #launchOn(agents: readonly AgentId[]): Promise<void> {
    const frameworks = this.#frameworks();
    const proposals = agents.map((agentId, index) => ({
      number: ++this.#proposals,
      framework: frameworks[index % frameworks.length],
      role: ROLE,
      agentId,
      resources: AGENT_SHARE,
    }));
    const offers = await this.#enter(
      chunks(proposals, PROPOSALS_AN_INPUT).map((some) =>
        Input.parse({ kind: 'proposals', epoch: EPOCH, proposals: some }),
      ),
    );
    const accepted = await this.#enter(offeredIn(offers).map((offered) => this.#accept(offered)));
    const started: Running[] = [];
    const answers: Input[] = [];
    for (const effect of accepted) {
      if (effect.kind !== 'order' || effect.order.kind !== 'run') continue;
      const { orderId, agentId, body } = effect.order;
      answers.push({ kind: 'orderAnswered', agentId, orderId });
      started.push({ task: { ...body.framework, taskId: body.description.taskId }, agentId });
    }
    await this.#enter([...answers, ...this.#updates(started, 'running', 1)]);
    this.#running.push(...started);
  }

  async #enter(inputs: readonly Input[]): Promise<Effect[]> {
    const all: Effect[] = [];
    for (const some of chunks(inputs, INPUTS_AN_ENTRY)) {
      for (const effect of await this.#enterOne(some)) {
        if (effect.kind === 'answer' && !effect.answer.ok) {
          throw new Error(effect.answer.failure.message);
        }
        all.push(effect);
      }
    }
    return all;
  }

  async #enterOne(inputs: readonly Input[]): Promise<Effect[]> {
    for (const input of inputs) {
      const queued = this.#leader.submit(input);
      if (!queued.ok) throw new Error(queued.failure.message);
    }
    this.#nowMs += MS_AN_ENTRY;
    const request = this.#leader.nextAppend({ nowMs: this.#nowMs, wallTimeMs: this.#nowMs });
    if (request === undefined) throw new Error('an entry is due');
    await this.#write({ bytes: request.bytes, inputs: inputs.length }, request);
    const result = this.#leader.committed(request.expectedSequence + 1);
    if (result.kind !== 'applied' || result.skipped.length > 0) throw new Error('not stepped');
    return result.effects;
  }

  #frameworks(): FrameworkRef[] {
    return Array.from({ length: this.#cluster.frameworks }, (_, index) => ({
      principal: PrincipalName.parse(`team-${Math.floor(index / FRAMEWORKS_A_PRINCIPAL)}`),
      frameworkId: FrameworkId.parse(`framework-${index}`),
    }));
  }

  #registration(agentId: AgentId, index: number): Input {
    const attributes = { zone: `zone-${index % 3}`, rack: `rack-${index % 500}` };
    const total = { ...AGENT_SHARE, ports: [[31_000, 32_000]] };
    const body = { hostname: `${agentId}.example.org`, total, attributes, tasks: [] };
    return this.#call({ kind: 'agent', agentId }, { verb: 'register', body });
  }

  #subscription(framework: FrameworkRef): Input {
    const body = { name: framework.frameworkId, roles: [ROLE] };
    return this.#call({ kind: 'framework', ...framework }, { verb: 'subscribe', body });
  }

  #accept({ framework, offerId }: Offered): Input {
    const tasks = Array.from({ length: this.#cluster.tasksAnAgent }, () => ({
      taskId: `task-${++this.#tasks}`,
      resources: TASK,
      command: { argv: ['/bin/sh', '-c', 'sleep 20'], environment: { STEP: 'one' } },
    }));
    const body = { offerIds: [offerId], operations: [{ kind: 'launch', tasks }] };
    return this.#call({ kind: 'framework', ...framework }, { verb: 'accept', body });
  }

  #call(caller: Caller, call: CallInput): Input {
    const key = JSON.stringify(caller);
    const counter = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, counter);
    return Input.parse({
      kind: 'call',
      caller,
      request: { session: 'bench', counter, lowest: Math.max(1, counter - 8) },
      ...(caller.kind === 'framework' && call.verb !== 'subscribe' && { frameworkSession: 1 }),
      call,
    });
  }

  /** Each principal's in an input of its own, as its stream is read. */
  #updates(tasks: readonly Running[], state: TaskState, sequence: number): Input[] {
    const byPrincipal = Map.groupBy(tasks, ({ task }) => task.principal);
    return [...byPrincipal].flatMap(([principal, own]) =>
      chunks(own, UPDATES_AN_INPUT).map((some) => {
        const before = this.#streams.get(principal) ?? 0;
        const readUpTo = before + some.length;
        this.#streams.set(principal, readUpTo);
        const updates = some.map(({ task, agentId }, index) => {
          const update: StatusUpdate = { ...UPDATE, task, agentId, state, sequence };
          return { streamSequence: before + index + 1, update };
        });
        return Input.parse({ kind: 'updates', principal, streamCreatedMs: 7, updates, readUpTo });
      }),
    );
  }
}

const AGENT_SHARE = { scalars: { cpus: 8000, mem: 16_384_000 } };
const TASK = { scalars: { cpus: 500, mem: 512_000 } };
const UPDATE = { source: 'agent', wallTimeMs: 1_790_000_000_000 } as const;

function offeredIn(effects: readonly Effect[]): Offered[] {
  return effects.flatMap((effect) =>
    effect.kind === 'offers'
      ? effect.message.offers.map(({ offerId }) => ({ framework: effect.framework, offerId }))
      : [],
  );
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
