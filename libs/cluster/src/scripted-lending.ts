// Owns builders for tests about what agents lend: an agent that lends, one framework that takes it and one that does not,
// offers of it and tasks on it. Driving the core is in scripted-cluster.ts.
import type { OfferId } from '@parley/protocol/ids';
import { clusterCore } from './cluster-core.ts';
import {
  aFramework,
  anAgentId,
  type Effects,
  factsOf,
  of,
  ScriptedCluster,
} from './scripted-cluster.ts';
import { aCommandTask, launchOf, type RawTask, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
/** Takes what is revocable. */
export const BORROWER = aFramework('f1');
/** Does not. */
export const OTHER = aFramework('f2');

export const lent = (cpus: number, memMib: number) => ({
  scalars: { cpus: cpus * 1000, mem: memMib * 1000 },
});

export const aRevocable = (
  taskId: string,
  resources: object,
  more: Record<string, unknown> = {},
): RawTask => aCommandTask(taskId, { resources, revocable: true, ...more });

export class LendingCluster extends ScriptedCluster {
  constructor(rulesVersion: number = clusterCore.rulesVersion) {
    super();
    this.rulesVersion = rulesVersion;
    this.startTerm();
    this.register(agentId, { scalars: { cpus: 8000, mem: 8_000_000 }, ports: [[1000, 1009]] });
    this.subscribe(BORROWER, { takesRevocable: true });
    this.subscribe(OTHER);
  }

  /** The agent's estimate, as the leader journals it. */
  lends(revocable: object, registration = 1): Effects {
    return this.enter({
      kind: 'agentOversubscribed',
      agentId,
      registration,
      revocable: { scalars: {}, ports: [], sets: {}, ...revocable },
    });
  }

  offerLent(revocable: object, resources: object = {}): OfferId {
    return this.offer(BORROWER, resources, agentId, { revocable });
  }

  /** Running revocable tasks, each with its own amounts, launched one after another. */
  launchLent(tasks: Readonly<Record<string, object>>): void {
    for (const [taskId, resources] of Object.entries(tasks)) {
      this.pass(10);
      const launch = launchOf(aRevocable(taskId, resources));
      const effects = this.operate(BORROWER, [this.offerLent(resources)], [launch]);
      for (const { order } of of(effects, 'order')) this.answerOrder(order.orderId);
      this.update(taskRef(BORROWER, taskId), 'running');
    }
  }
}

/** What is free of the agent, as the allocator is told last. */
export const freeFact = (effects: Effects) =>
  factsOf(effects).findLast(({ kind }) => kind === 'agentFree' || kind === 'agent');
