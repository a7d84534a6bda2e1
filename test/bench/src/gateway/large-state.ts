// Owns making the state of a large cluster with the real core: agents, frameworks in roles of their own, and tasks of
// theirs on every agent. Nothing runs; it measures nothing itself.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ClusterEvent } from '@parley/cluster/events';
import { Input } from '@parley/cluster/inputs';

const EPOCH = { bucketCreatedMs: 1, revision: 1 };

export type Size = {
  readonly agents: number;
  readonly frameworks: number;
  readonly tasksAnAgent: number;
};

export class LargeState {
  readonly state: ClusterState = clusterCore.create();
  sequence = 0;
  #request = 0;
  #proposal = 0;
  #stream = 0;

  constructor({ agents, frameworks, tasksAnAgent }: Size) {
    this.#enter({
      kind: 'termStarted',
      epoch: EPOCH,
      masterId: 'master-1',
      settings: { outstandingCapPermille: 1000 },
    });
    for (let index = 0; index < agents; index += 1) this.#register(index);
    for (let index = 0; index < frameworks; index += 1) this.#subscribe(index);
    for (let agent = 0; agent < agents; agent += 1) {
      this.launch(agent, agent % frameworks, tasksAnAgent);
    }
  }

  /** So many tasks of a framework on an agent, running. Returns what happened. */
  launch(agent: number, framework: number, count: number): ClusterEvent[] {
    const ref = { principal: 'batch', frameworkId: `f${framework}` };
    const one = { cpus: 500, mem: 256_000 };
    this.#proposal += 1;
    const proposal = {
      ...{ number: this.#proposal, framework: ref, role: `r${framework}`, agentId: `a${agent}` },
      resources: { scalars: { cpus: one.cpus * count, mem: one.mem * count } },
    };
    const events = this.#enter({ kind: 'proposals', epoch: EPOCH, proposals: [proposal] });
    const offerId = [...this.state.offers.rows()].at(-1)?.offerId;
    const tasks = Array.from({ length: count }, (_, index) => ({
      taskId: `t${this.#proposal}-${index}`,
      name: 'one of many',
      resources: { scalars: one },
      command: { argv: ['sleep', '1000'] },
    }));
    const body = { offerIds: [offerId], operations: [{ kind: 'launch', tasks }] };
    events.push(...this.#call({ kind: 'framework', ...ref }, { verb: 'accept', body }, 1));
    const updates = tasks.map(({ taskId }) => {
      this.#stream += 1;
      const task = { ...ref, taskId };
      const update = { task, agentId: `a${agent}`, source: 'agent', sequence: 1, state: 'running' };
      return { streamSequence: this.#stream, update: { ...update, wallTimeMs: 1_700_000_000_000 } };
    });
    const read = { principal: 'batch', streamCreatedMs: 7, readUpTo: this.#stream };
    events.push(...this.#enter({ kind: 'updates', ...read, updates }));
    return events;
  }

  #register(index: number): void {
    const agentId = `a${index}`;
    const total = {
      scalars: { cpus: 16_000, mem: 65_536_000, disk: 500_000_000 },
      ports: [[31_000, 32_000]],
    };
    const attributes = { rack: `r${index % 40}`, kind: 'general' };
    const host = { hostname: `${agentId}.example`, attributes };
    const domain = { region: 'eu', zone: `z${index % 3}` };
    const body = { ...host, domain, total, tasks: [] };
    this.#call({ kind: 'agent', agentId }, { verb: 'register', body });
  }

  #subscribe(index: number): void {
    const framework = { principal: 'batch', frameworkId: `f${index}` };
    const body = { name: `framework ${index}`, roles: [`r${index}`] };
    this.#call({ kind: 'framework', ...framework }, { verb: 'subscribe', body });
  }

  #call(caller: object, call: object, frameworkSession?: number): ClusterEvent[] {
    this.#request += 1;
    const request = { session: 's', counter: this.#request, lowest: this.#request };
    const session = frameworkSession === undefined ? {} : { frameworkSession };
    return this.#enter({ kind: 'call', caller, request, call, ...session });
  }

  #enter(raw: unknown): ClusterEvent[] {
    this.sequence += 1;
    const context = {
      ...{ sequence: this.sequence, epoch: EPOCH, rulesVersion: clusterCore.rulesVersion },
      ...{ coreTimeMs: this.sequence, wallTimeMs: 1_700_000_000_000 + this.sequence },
    };
    const effects = [
      ...clusterCore.begin(this.state, context),
      ...clusterCore.step(this.state, context, Input.parse(raw)),
      ...clusterCore.finish(this.state, context),
    ];
    return effects.flatMap((effect) => (effect.kind === 'event' ? [effect.event] : []));
  }
}
