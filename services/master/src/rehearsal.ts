// Owns a short play of a term over a made-up cluster in memory: what only a leader runs is compiled before anybody waits
// for it. A standby plays it once it has its books; nothing of it reaches the bus, the journal or these books.

import type { Clock } from '@parley/actor/clock';
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { Replica } from '@parley/actor/replica';
import { clusterCore, takeoverEffects } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { ClusterSettings, type Input } from '@parley/cluster/inputs';
import { inboxPrefix } from '@parley/protocol/credential';
import type { Epoch } from '@parley/protocol/epoch';
import {
  ActorId,
  AgentId,
  ClusterName,
  FrameworkId,
  type OfferId,
  PrincipalName,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import {
  decodeMessage,
  encodeAnswer,
  encodeMessage,
  type Outgoing,
} from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { SUBJECTS } from '@parley/protocol/subjects';
import { LiveClusterView } from './live-cluster-view.ts';
import { MasterActor, type MasterOutput } from './master-actor.ts';
import { readUpdates, type StreamMessage } from './update-batch.ts';

const CLUSTER = ClusterName.parse('rehearsal');
const EPOCH: Epoch = { bucketCreatedMs: 1, revision: 1 };
const PRINCIPAL = PrincipalName.parse('rehearsal');
const FRAMEWORK = { principal: PRINCIPAL, frameworkId: FrameworkId.parse('f') };
const ROLE = RoleName.parse('r');
const SESSION = 1;
const CALLER = 'rehearsal';
const AGENTS = Array.from({ length: 8 }, (_, index) => AgentId.parse(`a${index}`));
/** The call that opens the session comes after the agents'. */
const SUBSCRIBED_BY = AGENTS.length + 1;
const TOTAL: Resources = { scalars: { cpus: 1000, mem: 1_024_000 }, ports: [], sets: {} };
/** After these a function counts as often called, and is compiled. */
const REHEARSED_ROUNDS = 120;
const ROUND_MS = 1000;

export type RehearsalOptions = {
  readonly clock: Clock;
  /** Between two rounds: what has arrived goes first. */
  readonly yieldToOthers: () => Promise<void>;
  /** False: there is no more time for it. */
  readonly goesOn: () => boolean;
  readonly rounds?: number;
};

/** How many tasks were offered for, launched and ended in it: as many as agents, each round. */
export async function rehearse({
  goesOn,
  yieldToOthers,
  rounds = REHEARSED_ROUNDS,
  ...options
}: RehearsalOptions): Promise<number> {
  const stage = new Stage(options);
  let ended = 0;
  for (let round = 1; round <= rounds && goesOn(); round += 1) {
    ended += stage.play(round);
    await yieldToOthers();
  }
  return ended;
}

/** The leader's own parts, and everybody else played. */
class Stage {
  readonly #clock: Clock;
  readonly #leader: JournaledLeader<ClusterState, Input, Effect>;
  readonly #actor: MasterActor;
  readonly #view: LiveClusterView;
  #entries = 0;
  #requests = 0;
  #proposals = 0;
  #updates = 0;
  #nowMs = 0;

  constructor({ clock }: Pick<RehearsalOptions, 'clock'>) {
    this.#clock = clock;
    const leader = new JournaledLeader<ClusterState, Input, Effect>({
      // Not as its master is given it: who watches what that steps looks for its entries in the journal.
      replica: Replica.anew(clusterCore, 0, 0),
      epoch: EPOCH,
      makeNonce: () => `rehearsal-${this.#entries}`,
    });
    this.#leader = leader;
    this.#view = new LiveClusterView(() => leader.state);
    const masterId = ActorId.parse('rehearsal');
    this.#actor = new MasterActor({
      ...{ cluster: CLUSTER, masterId, epoch: EPOCH, view: this.#view },
      submit: (input) => leader.submit(input),
    });
    leader.submit({
      kind: 'termStarted',
      ...{
        epoch: EPOCH,
        masterId,
        settings: ClusterSettings.parse({ outstandingCapPermille: 1000 }),
      },
    });
    this.#commit();
    this.#actor.begin(takeoverEffects(leader.state), this.#nowMs);
    this.#actor.principalsRead(new Map([[PRINCIPAL, { roles: [ROLE] }]]), this.#nowMs);
    for (const agentId of AGENTS) this.#register(agentId);
    const header = { request: this.#request() };
    const subscription = { name: 'rehearsal', roles: [ROLE], demand: [] };
    this.#say(
      encodeMessage(SUBJECTS.subscribe, CLUSTER, FRAMEWORK, subscription, header),
      inboxPrefix({ kind: 'principal', id: PRINCIPAL }),
    );
    this.#commit();
  }

  /** One task on each agent, from its offer to its end. */
  play(round: number): number {
    this.#nowMs += ROUND_MS;
    this.#wish();
    this.#beat();
    this.#propose(this.#commit().flatMap(shapesIn).at(-1));
    const offers = this.#commit().flatMap(offersIn);
    const tasks = offers.map(({ offerId, agentId }, index) => {
      const taskId = TaskId.parse(`t${round}-${index}`);
      this.#accept(offerId, taskId);
      return { taskId, agentId };
    });
    for (const output of this.#commit()) {
      if (output.kind !== 'order') continue;
      const answer = encodeAnswer({ ok: true, value: {} });
      this.#actor.orderReplied(output.orderId, answer, this.#nowMs);
    }
    this.#update(tasks.flatMap((one) => [this.#stored(one, 1), this.#stored(one, 2)]));
    const before = this.#leader.state.tasks.size;
    this.#commit();
    return before - this.#leader.state.tasks.size;
  }

  #register(agentId: AgentId): void {
    const body = { hostname: agentId, total: TOTAL, attributes: {}, tasks: [], free: TOTAL };
    const message = encodeMessage(SUBJECTS.register, CLUSTER, { agentId }, body, {
      request: this.#request(),
    });
    this.#say(message, inboxPrefix({ kind: 'agent', id: agentId }));
  }

  /** As many tasks as there are agents. */
  #wish(): void {
    const demand = [{ count: AGENTS.length, resources: TOTAL }];
    const header = { request: this.#request(), frameworkSession: SESSION };
    this.#say(
      encodeMessage(SUBJECTS.demand, CLUSTER, FRAMEWORK, { demand }, header),
      inboxPrefix({ kind: 'principal', id: PRINCIPAL }),
    );
  }

  #beat(): void {
    for (const agentId of AGENTS) {
      const body = { runningTasks: 0, standing: this.#view.standingOf(agentId) ?? '' };
      this.#say(encodeMessage(SUBJECTS.agentHeartbeat, CLUSTER, { agentId }, body));
    }
    const confirmed = this.#view.subscribedFrameworks().next().value?.lastNumber ?? 0;
    const report = {
      ...{
        epoch: EPOCH,
        callerSession: CALLER,
        lastCall: this.#requests,
        subscribedBy: SUBSCRIBED_BY,
      },
      ...{ roles: [{ role: ROLE, isSuppressed: false }], openCalls: [], acknowledgedCalls: [] },
    };
    const body = { session: SESSION, confirmed, report };
    this.#say(encodeMessage(SUBJECTS.frameworkHeartbeat, CLUSTER, FRAMEWORK, body));
  }

  #propose(shape: string | undefined): void {
    const promised = shape === undefined ? [] : [{ shape, count: 1 }];
    const proposals = AGENTS.map((agentId) => {
      this.#proposals += 1;
      return {
        ...{ number: this.#proposals, framework: FRAMEWORK, role: ROLE, agentId },
        ...{ resources: TOTAL, promised },
      };
    });
    this.#say(encodeMessage(SUBJECTS.proposals, CLUSTER, {}, { proposals }, { epoch: EPOCH }));
  }

  #accept(offerId: OfferId, taskId: TaskId): void {
    const description = { taskId, resources: TOTAL, command: { argv: ['true'] } };
    const body = {
      offerIds: [offerId],
      operations: [{ kind: 'launch' as const, tasks: [description] }],
    };
    const header = { request: this.#request(), frameworkSession: SESSION };
    this.#say(
      encodeMessage(SUBJECTS.accept, CLUSTER, { ...FRAMEWORK, offerId }, body, header),
      inboxPrefix({ kind: 'principal', id: PRINCIPAL }),
    );
  }

  #stored({ taskId, agentId }: Launched, sequence: 1 | 2): StreamMessage {
    this.#updates += 1;
    const task = { ...FRAMEWORK, taskId };
    const update = {
      ...{ task, agentId, source: 'agent' as const, sequence, wallTimeMs: 0 },
      state: sequence === 1 ? ('running' as const) : ('finished' as const),
    };
    const parameters = { ...task, source: agentId };
    const message = encodeMessage(SUBJECTS.update, CLUSTER, parameters, update);
    return { ...message, streamSequence: this.#updates };
  }

  #update(messages: readonly StreamMessage[]): void {
    const batch = { streamCreatedMs: 1, messages, readUpTo: this.#updates };
    for (const input of readUpdates(CLUSTER, PRINCIPAL, batch).inputs) {
      this.#actor.updatesRead(input, this.#nowMs);
    }
  }

  #say({ subject, bytes }: Outgoing, inbox?: string): void {
    const reply = inbox === undefined ? undefined : `${inbox}.1`;
    this.#actor.received(subject, bytes, reply, this.#nowMs);
  }

  #request() {
    this.#requests += 1;
    return { session: CALLER, counter: this.#requests, lowest: this.#requests };
  }

  /** What is to be carried out of it; nobody does. */
  #commit(): MasterOutput[] {
    const now = { nowMs: this.#nowMs, wallTimeMs: this.#clock.wallTimeMs() };
    while (this.#leader.nextAppend(now) !== undefined) {
      this.#entries += 1;
      const result = this.#leader.committed(this.#entries);
      if (result.kind === 'applied') this.#actor.carryOut(result.effects, this.#nowMs);
    }
    this.#actor.tick(this.#nowMs);
    return this.#actor.takeOutputs();
  }
}

type Launched = { readonly taskId: TaskId; readonly agentId: AgentId };

function offersIn(output: MasterOutput): { offerId: OfferId; agentId: AgentId }[] {
  if (output.kind !== 'publish') return [];
  const message = decodeMessage(SUBJECTS.offers, CLUSTER, output.subject, output.bytes);
  return message.ok ? message.value.body.offers : [];
}

/** Of what the framework wants, as the allocator hears of it. */
function shapesIn(output: MasterOutput): string[] {
  if (output.kind !== 'publish') return [];
  const message = decodeMessage(SUBJECTS.facts, CLUSTER, output.subject, output.bytes);
  if (!message.ok) return [];
  return message.value.body.facts.flatMap((fact) =>
    fact.kind === 'framework'
      ? fact.roles.flatMap(({ needs = [] }) => needs.map(({ shape }) => shape))
      : [],
  );
}
