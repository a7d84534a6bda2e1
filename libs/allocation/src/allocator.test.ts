// Tests the allocator from its facts to its proposals: who is offered what, when, and what is held back.
import type { FactsMessage, Proposal } from '@parley/protocol/allocation';
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { Allocator, type AllocatorEffect, COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { SILENCE_MS, SNAPSHOT_RETRY_MS } from './facts-intake.ts';
import { PROPOSAL_TIMEOUT_MS } from './pending-proposals.ts';
import { aFramework, anAgentId, resourcesOf, ScriptedMaster } from './scripted-master.ts';

const EPOCH = { bucketCreatedMs: 1000, revision: 7 };

let master: ScriptedMaster;
let allocator: Allocator;
let nowMs: number;

beforeEach(() => {
  master = new ScriptedMaster();
  allocator = new Allocator({ seed: 1 });
  nowMs = 0;
  allocator.started(EPOCH, nowMs);
  for (const part of master.snapshot()) allocator.facts(part, nowMs);
});

function hear(message: FactsMessage = master.message()): AllocatorEffect[] {
  const effects = allocator.facts(message, nowMs);
  allocator.checkInvariants();
  return effects;
}

/** Lets the time pass, waking the allocator whenever it wants. */
function proposalsWithin(durationMs: number): Proposal[] {
  const endMs = nowMs + durationMs;
  const proposals: Proposal[] = [];
  for (;;) {
    const wakeMs = Math.max(nowMs, allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY);
    nowMs = Math.min(wakeMs, endMs);
    for (const effect of allocator.tick(nowMs)) {
      if (effect.kind === 'propose') proposals.push(...effect.proposals);
    }
    allocator.checkInvariants();
    if (wakeMs > endMs) return proposals;
  }
}

/** Hears, and accepts every proposal of the run that follows. */
function settle(): Proposal[] {
  hear();
  const proposals = proposalsWithin(COALESCE_MS);
  for (const proposal of proposals) expect(master.decide(proposal)).toBe(true);
  hear();
  return proposals;
}

/** In the role that it has been given offers in. */
function giveBack(name: string, agentId: AgentId, resources: Resources, refuseMs = 0): void {
  const framework = aFramework(name);
  const [role] = master.frameworks.get(frameworkKey(framework))?.used.keys() ?? [];
  if (role === undefined) throw new Error(`${name} holds something`);
  master.giveBack({ framework, agentId, role }, resources, refuseMs);
}

const namesOf = (proposals: readonly Proposal[]): string[] =>
  proposals.map(({ framework }) => framework.frameworkId);

describe('a run', () => {
  test('a free agent is proposed as a whole to a framework that subscribes', () => {
    master.addAgent('agent-1', normalise({ ...resourcesOf(4, 1024), ports: [[31_000, 31_009]] }));
    expect(settle()).toStrictEqual([]);
    master.subscribe('batch', 'services');
    expect(settle()).toStrictEqual([
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

  test('it follows the first news within milliseconds, and takes in what came meanwhile', () => {
    master.subscribe('batch', 'services');
    hear();
    master.addAgent('agent-1', resourcesOf(4, 1024));
    hear();
    expect(allocator.nextWakeMs()).toBe(nowMs + COALESCE_MS);
    nowMs += COALESCE_MS - 1;
    expect(allocator.tick(nowMs)).toStrictEqual([]);
    master.addAgent('agent-2', resourcesOf(4, 1024));
    hear();
    expect(proposalsWithin(1)).toHaveLength(2);
  });

  test('what is below 0.01 CPUs or below 32 MiB is not offered', () => {
    master.addAgent('agent-1', resourcesOf(0.009, 1024));
    master.addAgent('agent-2', resourcesOf(4, 31.999));
    master.addAgent('agent-3', resourcesOf(0.01, 32));
    master.subscribe('batch', 'services');
    expect(settle().map(({ agentId }) => agentId)).toStrictEqual(['agent-3']);
  });

  test('messages hold at most 100 proposals', () => {
    for (let number = 0; number < 250; number += 1) {
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    master.subscribe('batch', 'services');
    hear();
    const sizes = allocator
      .tick(COALESCE_MS)
      .map((effect) => (effect.kind === 'propose' ? effect.proposals.length : 0));
    expect(sizes).toStrictEqual([100, 100, 50]);
  });

  test('a run over very many agents is cut, so that facts are heard in between', () => {
    for (let number = 0; number < 2500; number += 1) {
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    master.subscribe('batch', 'services');
    hear();
    nowMs += COALESCE_MS;
    const turns = [allocator.tick(nowMs), allocator.tick(nowMs), allocator.tick(nowMs)];
    expect(turns.map((effects) => effects.length)).toStrictEqual([10, 10, 5]);
    expect(allocator.tick(nowMs)).toStrictEqual([]);
  });

  test('equal seeds and facts give equal proposals, other seeds another order of agents', () => {
    for (let number = 0; number < 20; number += 1) {
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    master.subscribe('batch', 'services');
    hear();
    const [parts] = [master.snapshot()];
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
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    master.subscribe('batch', 'services');
    master.subscribe('reports', 'analytics');
    master.subscribe('trends', 'analytics');
    const names = namesOf(settle());
    expect(names.filter((name) => name === 'batch')).toHaveLength(4);
    expect(names.filter((name) => name === 'reports')).toHaveLength(2);
    expect(names.filter((name) => name === 'trends')).toHaveLength(2);
  });

  test('each piece that frees goes to the lower dominant share, until the shares meet', () => {
    for (const name of ['agent-1', 'agent-2', 'agent-3'])
      master.addAgent(name, resourcesOf(4, 4000));
    master.subscribe('batch', 'services');
    expect(namesOf(settle())).toStrictEqual(['batch', 'batch', 'batch']);
    master.subscribe('mapreduce', 'analytics');
    settle();
    const receivers: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      const agentId = anAgentId(`agent-${1 + (turn % 3)}`);
      giveBack('batch', agentId, resourcesOf(0.5, 500));
      receivers.push(...namesOf(settle()));
    }
    // 12 CPUs in pieces of 0.5: 12 pieces make the half.
    expect(receivers).toStrictEqual(Array.from({ length: 12 }, () => 'mapreduce'));
    giveBack('mapreduce', anAgentId('agent-1'), resourcesOf(0.5, 500));
    expect(namesOf(settle())).toStrictEqual(['mapreduce']);
    giveBack('batch', anAgentId('agent-1'), resourcesOf(0.5, 500));
    expect(namesOf(settle())).toStrictEqual(['batch']);
  });

  test('a framework that is away gets nothing, and what it still holds counts for its role', () => {
    master.addAgent('agent-1', resourcesOf(8, 8000));
    master.subscribe('old', 'services');
    settle();
    master.disconnect('old');
    master.subscribe('new', 'services');
    master.subscribe('other', 'analytics');
    settle();
    master.addAgent('agent-2', resourcesOf(1, 1000));
    expect(namesOf(settle())).toStrictEqual(['other']);
  });
});

describe('refusals', () => {
  function refuse(proposal: Proposal | undefined, refuseMs: number): void {
    if (proposal === undefined) throw new Error('there is a proposal to refuse');
    master.giveBack(proposal, proposal.resources, refuseMs);
  }

  test('what one framework refuses is offered to the next one at once', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    master.subscribe('b', 'services');
    const [first] = settle();
    refuse(first, 5000);
    const [second] = settle();
    expect(namesOf([first, second].flatMap((one) => one ?? []))).toStrictEqual(['a', 'b']);
  });

  test('the end of a refusal gives the agent another turn by itself', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    refuse(settle()[0], 3000);
    hear();
    expect(proposalsWithin(2999)).toStrictEqual([]);
    expect(namesOf(proposalsWithin(1 + COALESCE_MS))).toStrictEqual(['a']);
  });

  test('a refusal blocks the same and less, not more', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    settle();
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 1000), 60_000);
    expect(settle()).toStrictEqual([]);
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 0));
    const [grown] = settle();
    expect(grown?.resources).toStrictEqual(resourcesOf(2, 1000));
  });

  test('subscribing again clears the refusals of the framework', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    refuse(settle()[0], 60_000);
    expect(settle()).toStrictEqual([]);
    master.subscribe('a', 'services');
    expect(namesOf(settle())).toStrictEqual(['a']);
  });

  test('an agent that comes back, or with another total, is offered in spite of refusals', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    refuse(settle()[0], 60_000);
    expect(settle()).toStrictEqual([]);
    master.addAgent('agent-1', resourcesOf(3, 3000));
    const [changed] = settle();
    refuse(changed, 60_000);
    expect(settle()).toStrictEqual([]);
    master.removeAgent('agent-1');
    settle();
    master.addAgent('agent-1', resourcesOf(3, 3000));
    expect(namesOf(settle())).toStrictEqual(['a']);
  });
});

describe('proposals that are not decided', () => {
  test('their resources are not proposed again, but what frees beside them is', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    settle();
    giveBack('a', anAgentId('agent-1'), resourcesOf(1, 1000));
    hear();
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
    giveBack('a', anAgentId('agent-1'), resourcesOf(2, 2000));
    hear();
    const [second] = proposalsWithin(COALESCE_MS);
    expect(second?.resources).toStrictEqual(resourcesOf(2, 2000));
  });

  test('they count in the shares at once', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.addAgent('agent-2', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    master.subscribe('b', 'services');
    hear();
    expect(namesOf(proposalsWithin(COALESCE_MS))).toStrictEqual(['a', 'b']);
  });

  test('they are dropped after two seconds without a decision, and proposed anew', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    hear();
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
    expect(proposalsWithin(PROPOSAL_TIMEOUT_MS - 1)).toStrictEqual([]);
    const [again] = proposalsWithin(1 + COALESCE_MS);
    expect(again).toMatchObject({ number: 2, resources: resourcesOf(4, 4000) });
  });

  test('a refused one is made again only after correcting facts, or in the next full run', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    hear();
    const [proposal] = proposalsWithin(COALESCE_MS);
    const message = master.message();
    hear({ ...message, facts: [{ kind: 'decided', proposalNumber: proposal?.number ?? 0 }] });
    expect(proposalsWithin(100)).toStrictEqual([]);
    expect(proposalsWithin(FULL_RUN_INTERVAL_MS)).not.toStrictEqual([]);
  });

  test('a number of an earlier term decides nothing', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    hear();
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
    hear({ ...master.message(), facts: [{ kind: 'decided', proposalNumber: 500 }] });
    master.addAgent('agent-2', resourcesOf(1, 1000));
    hear();
    expect(proposalsWithin(COALESCE_MS).map(({ agentId }) => agentId)).toStrictEqual(['agent-2']);
  });
});

describe('keeping in step with the master', () => {
  test('a lost message makes it ask for a snapshot, and propose nothing until that is there', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    hear();
    master.subscribe('a', 'services');
    master.message();
    master.addAgent('agent-2', resourcesOf(4, 4000));
    expect(hear()).toStrictEqual([{ kind: 'requestSnapshot' }]);
    expect(proposalsWithin(100)).toStrictEqual([]);
    for (const part of master.snapshot(3)) hear(part);
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(2);
  });

  test('the request is repeated every second until all parts have come', () => {
    const requests = (): number =>
      allocator.tick(nowMs).filter(({ kind }) => kind === 'requestSnapshot').length;
    const fresh = new Allocator();
    expect(fresh.nextWakeMs()).toBeUndefined();
    allocator = fresh;
    expect(allocator.started(EPOCH, nowMs)).toStrictEqual([{ kind: 'requestSnapshot' }]);
    for (let second = 1; second <= 3; second += 1) {
      nowMs = second * SNAPSHOT_RETRY_MS - 1;
      expect(requests()).toBe(0);
      nowMs += 1;
      expect(requests()).toBe(1);
    }
    const [one, two] = master.snapshot(2);
    if (one === undefined || two === undefined) throw new Error('there are two parts');
    hear(one);
    nowMs += SNAPSHOT_RETRY_MS;
    expect(requests()).toBe(1);
    hear(two);
    nowMs += SNAPSHOT_RETRY_MS;
    expect(requests()).toBe(0);
  });

  test('a message that comes twice, and a snapshot of what is known, change nothing', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    const message = master.message();
    hear(message);
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
    hear(message);
    for (const part of master.snapshot()) hear(part);
    expect(proposalsWithin(100)).toStrictEqual([]);
  });

  test('facts of an earlier master are dropped, a later one continues the numbers', () => {
    const [earlier, later] = [
      { bucketCreatedMs: 1, revision: 5 },
      { bucketCreatedMs: 1, revision: 9 },
    ];
    master.addAgent('agent-1', resourcesOf(4, 4000));
    expect(allocator.facts(master.message(), nowMs, earlier)).toStrictEqual([]);
    master.subscribe('a', 'services');
    expect(allocator.facts(master.message(), nowMs, later)).toStrictEqual([]);
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
    master.removeAgent('agent-1');
    expect(allocator.facts(master.message(), nowMs, earlier)).toStrictEqual([]);
    master.addAgent('agent-2', resourcesOf(4, 4000));
    expect(allocator.facts(master.message(), nowMs, later)).toStrictEqual([
      { kind: 'requestSnapshot' },
    ]);
  });

  test('a later master whose journal began anew makes it ask for a snapshot', () => {
    for (let entry = 0; entry < 5; entry += 1) hear();
    const other = new ScriptedMaster();
    expect(
      allocator.facts(other.message(), nowMs, { bucketCreatedMs: 2, revision: 1 }),
    ).toStrictEqual([{ kind: 'requestSnapshot' }]);
  });

  test('after a time without the bus it asks, and proposes nothing until the snapshot is there', () => {
    master.addAgent('agent-1', resourcesOf(4, 4000));
    master.subscribe('a', 'services');
    hear();
    expect(allocator.reconnected(nowMs)).toStrictEqual([{ kind: 'requestSnapshot' }]);
    expect(proposalsWithin(100)).toStrictEqual([]);
    for (const part of master.snapshot()) hear(part);
    expect(proposalsWithin(COALESCE_MS)).toHaveLength(1);
  });

  test('long silence makes it ask whether something was lost', () => {
    nowMs = SILENCE_MS - 1;
    expect(allocator.tick(nowMs)).toStrictEqual([]);
    nowMs += 1;
    expect(allocator.tick(nowMs)).toStrictEqual([{ kind: 'requestSnapshot' }]);
  });
});

describe('idleness', () => {
  test('with everything refused, nothing is due before the next end of a refusal', () => {
    for (let number = 0; number < 50; number += 1) {
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    master.subscribe('a', 'services');
    for (const { number } of settle()) master.decline(number, 20_000);
    const refusedMs = nowMs;
    settle();
    // One full run after the last change, then silence.
    expect(proposalsWithin(FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    expect(allocator.nextWakeMs()).toBe(refusedMs + 20_000);
  });

  test('without a framework that takes offers, nothing is due but the question after long silence', () => {
    for (let number = 0; number < 50; number += 1) {
      master.addAgent(`agent-${number}`, resourcesOf(4, 1024));
    }
    settle();
    const heardMs = nowMs - COALESCE_MS;
    expect(proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    expect(allocator.nextWakeMs()).toBeLessThanOrEqual(heardMs + SILENCE_MS + COALESCE_MS);
    expect(allocator.nextWakeMs()).toBeGreaterThan(nowMs + FULL_RUN_INTERVAL_MS);
  });
});
