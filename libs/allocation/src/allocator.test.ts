// Tests the allocator from its facts to its proposals: who is offered what, when, and what is held back. How it keeps in
// step with the master is in allocator-facts.test.ts.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { Allocator, COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { SILENCE_MS } from './facts-intake.ts';
import { PROPOSAL_TIMEOUT_MS } from './pending-proposals.ts';
import { EPOCH, namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

/** In the role that it has been given offers in. */
function giveBack(name: string, agentId: AgentId, resources: Resources, refuseMs?: number): void {
  const framework = aFramework(name);
  const [role] = cluster.master.frameworks.get(frameworkKey(framework))?.used.keys() ?? [];
  if (role === undefined) throw new Error(`${name} holds something`);
  cluster.master.giveBack({ framework, agentId, role }, resources, refuseMs);
}

describe('a run', () => {
  test('a free agent is proposed as a whole to a framework that subscribes', () => {
    cluster.master.addAgent(
      'agent-1',
      normalise({ ...resourcesOf(4, 1024), ports: [[31_000, 31_009]] }),
    );
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.subscribe('batch', 'services');
    expect(cluster.settle()).toStrictEqual([
      {
        number: 1,
        framework: aFramework('batch'),
        role: 'services',
        agentId: 'agent-1',
        resources: normalise({ ...resourcesOf(4, 1024), ports: [[31_000, 31_009]] }),
        reservations: [],
        promised: [],
      },
    ]);
  });

  test('it follows the first news at once, and what comes soon after that within milliseconds, together', () => {
    cluster.master.subscribe('batch', 'services');
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    cluster.hear();
    expect(cluster.proposalsWithin(0)).toHaveLength(1);
    cluster.master.addAgent('agent-2', resourcesOf(4, 1024));
    cluster.hear();
    expect(cluster.allocator.nextWakeMs()).toBe(cluster.nowMs + COALESCE_MS);
    expect(cluster.proposalsWithin(COALESCE_MS - 1)).toStrictEqual([]);
    cluster.master.addAgent('agent-3', resourcesOf(4, 1024));
    cluster.hear();
    expect(cluster.proposalsWithin(1)).toHaveLength(2);
  });

  test('what is below 0.01 CPUs or below 32 MiB is not offered', () => {
    cluster.master.addAgent('agent-1', resourcesOf(0.009, 1024));
    cluster.master.addAgent('agent-2', resourcesOf(4, 31.999));
    cluster.master.addAgent('agent-3', resourcesOf(0.01, 32));
    cluster.master.subscribe('batch', 'services');
    expect(cluster.settle().map(({ agentId }) => agentId)).toStrictEqual(['agent-3']);
  });

  test('messages hold at most 100 proposals', () => {
    for (let number = 0; number < 250; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.master.subscribe('batch', 'services');
    cluster.hear();
    const sizes = cluster.allocator
      .tick(COALESCE_MS)
      .map((effect) => (effect.kind === 'propose' ? effect.proposals.length : 0));
    expect(sizes).toStrictEqual([100, 100, 50]);
  });

  test('a run over very many agents is cut, so that facts are heard in between', () => {
    for (let number = 0; number < 2500; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.master.subscribe('batch', 'services');
    cluster.hear();
    cluster.nowMs += COALESCE_MS;
    const turns = [
      cluster.allocator.tick(cluster.nowMs),
      cluster.allocator.tick(cluster.nowMs),
      cluster.allocator.tick(cluster.nowMs),
    ];
    expect(turns.map((effects) => effects.length)).toStrictEqual([10, 10, 5]);
    expect(cluster.allocator.tick(cluster.nowMs)).toStrictEqual([]);
  });

  test('equal seeds and facts give equal proposals, other seeds another order of agents', () => {
    for (let number = 0; number < 20; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.master.subscribe('batch', 'services');
    cluster.hear();
    const [parts] = [cluster.master.snapshot()];
    const ordersOf = (seed: number): string[] => {
      const other = new Allocator({ seed });
      other.started(EPOCH, 0);
      for (const part of parts) other.facts(part, 0);
      return other
        .tick(COALESCE_MS)
        .flatMap((effect) => (effect.kind === 'propose' ? effect.proposals : []))
        .map(({ agentId }) => agentId);
    };
    expect(ordersOf(5)).toStrictEqual(ordersOf(5));
    expect(ordersOf(5)).not.toStrictEqual(ordersOf(6));
    expect(ordersOf(5).toSorted()).toStrictEqual(ordersOf(6).toSorted());
  });
});

describe('sharing', () => {
  test('agents go round between the frameworks of two roles, whatever their number in each role', () => {
    for (let number = 0; number < 8; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.master.subscribe('batch', 'services');
    cluster.master.subscribe('reports', 'analytics');
    cluster.master.subscribe('trends', 'analytics');
    const names = namesOf(cluster.settle());
    expect(names.filter((name) => name === 'batch')).toHaveLength(4);
    expect(names.filter((name) => name === 'reports')).toHaveLength(2);
    expect(names.filter((name) => name === 'trends')).toHaveLength(2);
  });

  test('each piece that frees goes to the lower dominant share, until the shares meet', () => {
    for (const name of ['agent-1', 'agent-2', 'agent-3'])
      cluster.master.addAgent(name, resourcesOf(4, 4000));
    cluster.master.subscribe('batch', 'services');
    expect(namesOf(cluster.settle())).toStrictEqual(['batch', 'batch', 'batch']);
    cluster.master.subscribe('mapreduce', 'analytics');
    cluster.settle();
    const receivers: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      const agentId = anAgentId(`agent-${1 + (turn % 3)}`);
      giveBack('batch', agentId, resourcesOf(0.5, 500));
      receivers.push(...namesOf(cluster.settle()));
    }
    // 12 CPUs in pieces of 0.5: 12 pieces make the half.
    expect(receivers).toStrictEqual(Array.from({ length: 12 }, () => 'mapreduce'));
    giveBack('mapreduce', anAgentId('agent-1'), resourcesOf(0.5, 500));
    expect(namesOf(cluster.settle())).toStrictEqual(['mapreduce']);
    giveBack('batch', anAgentId('agent-1'), resourcesOf(0.5, 500));
    expect(namesOf(cluster.settle())).toStrictEqual(['batch']);
  });

  test('a framework that is away gets nothing, and what it still holds counts for its role', () => {
    cluster.master.addAgent('agent-1', resourcesOf(8, 8000));
    cluster.master.subscribe('old', 'services');
    cluster.settle();
    cluster.master.disconnect('old');
    cluster.master.subscribe('new', 'services');
    cluster.master.subscribe('other', 'analytics');
    cluster.settle();
    cluster.master.addAgent('agent-2', resourcesOf(1, 1000));
    expect(namesOf(cluster.settle())).toStrictEqual(['other']);
  });
});

describe('refusals', () => {
  function refuse(proposal: Proposal | undefined, refuseMs: number): void {
    if (proposal === undefined) throw new Error('there is a proposal to refuse');
    cluster.master.giveBack(proposal, proposal.resources, refuseMs);
  }

  test('what one framework refuses is offered to the next one at once', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.master.subscribe('b', 'services');
    const [first] = cluster.settle();
    refuse(first, 5000);
    const [second] = cluster.settle();
    expect(namesOf([first, second].flatMap((one) => one ?? []))).toStrictEqual(['a', 'b']);
  });

  test('the end of a refusal gives the agent another turn by itself', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    refuse(cluster.settle()[0], 3000);
    cluster.hear();
    expect(cluster.proposalsWithin(2999)).toStrictEqual([]);
    expect(namesOf(cluster.proposalsWithin(1 + COALESCE_MS))).toStrictEqual(['a']);
  });

  test('a refusal blocks the same and less, not more', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.settle();
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 1000), 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 0));
    const [grown] = cluster.settle();
    expect(grown?.resources).toStrictEqual(resourcesOf(2, 1000));
  });

  test('subscribing again clears the refusals of the framework', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    refuse(cluster.settle()[0], 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.subscribe('a', 'services');
    expect(namesOf(cluster.settle())).toStrictEqual(['a']);
  });

  test('an agent that comes back, or with another total, is offered in spite of refusals', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    refuse(cluster.settle()[0], 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.addAgent('agent-1', resourcesOf(3, 3000));
    const [changed] = cluster.settle();
    refuse(changed, 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.removeAgent('agent-1');
    cluster.settle();
    cluster.master.addAgent('agent-1', resourcesOf(3, 3000));
    expect(namesOf(cluster.settle())).toStrictEqual(['a']);
  });
});

describe('proposals that are not decided', () => {
  test('their resources are not proposed again, but what frees beside them is', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.settle();
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 1000));
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
    giveBack('a', anAgentId('agent-1'), resourcesOf(2, 2000));
    cluster.hear();
    const [second] = cluster.proposalsWithin(COALESCE_MS);
    expect(second?.resources).toStrictEqual(resourcesOf(2, 2000));
  });

  test('they count in the shares at once', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.addAgent('agent-2', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.master.subscribe('b', 'services');
    cluster.hear();
    expect(namesOf(cluster.proposalsWithin(COALESCE_MS))).toStrictEqual(['a', 'b']);
  });

  test('they are dropped after two seconds without a decision, and proposed anew', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.hear();
    expect(cluster.proposalsWithin(0)).toHaveLength(1);
    expect(cluster.proposalsWithin(PROPOSAL_TIMEOUT_MS - 1)).toStrictEqual([]);
    const [again] = cluster.proposalsWithin(1);
    expect(again).toMatchObject({ number: 2, resources: resourcesOf(4, 4000) });
  });

  test('a master that decides late is not told more than it can decide, and what is not decided is proposed more and more rarely', () => {
    for (let number = 0; number < 6000; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
    }
    cluster.master.subscribe('a', 'services');
    cluster.hear();
    const atATime = 2500;
    const inTime = (ms: number) => cluster.proposalsWithin(ms);
    expect(inTime(PROPOSAL_TIMEOUT_MS - 1)).toHaveLength(atATime);
    // After 2, 4, 8 and 16 s more.
    const later = Array.from({ length: 30 }, () => inTime(1000).length);
    expect(later.filter((count) => count > 0)).toEqual([atATime, atATime, atATime, atATime]);
    // A decision lets others follow, of agents that had no turn yet.
    const proposal = inTime(40_000).at(-1);
    const message = cluster.master.message();
    cluster.hear({
      ...message,
      facts: [{ kind: 'decided', proposalNumber: proposal?.number ?? 0 }],
    });
    const next = inTime(COALESCE_MS);
    expect(next).toHaveLength(atATime);
    expect(inTime(PROPOSAL_TIMEOUT_MS - 2 * COALESCE_MS)).toEqual([]);
  });

  test('a refused one is made again only after correcting facts, or in the next full run', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.hear();
    const [proposal] = cluster.proposalsWithin(COALESCE_MS);
    const message = cluster.master.message();
    cluster.hear({
      ...message,
      facts: [{ kind: 'decided', proposalNumber: proposal?.number ?? 0 }],
    });
    expect(cluster.proposalsWithin(100)).toStrictEqual([]);
    expect(cluster.proposalsWithin(FULL_RUN_INTERVAL_MS)).not.toStrictEqual([]);
  });

  test('a number of an earlier term decides nothing', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
    cluster.hear({
      ...cluster.master.message(),
      facts: [{ kind: 'decided', proposalNumber: 500 }],
    });
    cluster.master.addAgent('agent-2', resourcesOf(1, 1000));
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS).map(({ agentId }) => agentId)).toStrictEqual([
      'agent-2',
    ]);
  });
});

describe('idleness', () => {
  test('with everything refused, nothing is due before the next end of a refusal', () => {
    for (let number = 0; number < 50; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.master.subscribe('a', 'services');
    for (const { number } of cluster.settle()) cluster.master.decline(number, 20_000);
    const refusedMs = cluster.nowMs;
    cluster.settle();
    // One full run after the last change, then silence.
    expect(cluster.proposalsWithin(FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    expect(cluster.allocator.nextWakeMs()).toBe(refusedMs + 20_000);
  });

  test('without a framework that takes offers, nothing is due but the question after long silence', () => {
    for (let number = 0; number < 50; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    cluster.settle();
    const heardMs = cluster.nowMs - COALESCE_MS;
    expect(cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    expect(cluster.allocator.nextWakeMs()).toBeLessThanOrEqual(heardMs + SILENCE_MS + COALESCE_MS);
    expect(cluster.allocator.nextWakeMs()).toBeGreaterThan(cluster.nowMs + FULL_RUN_INTERVAL_MS);
  });
});
