// Tests who stands back on an agent: whoever has left it unused, until others have used it or everybody has had it.
import type { Proposal } from '@parley/protocol/allocation';
import { frameworkKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { amountOf, subtract } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { Agent } from './agent-pool.ts';
import { CycledCluster } from './cycled-cluster.ts';
import { LeftUnused } from './left-unused.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, allOf, anAgentId, resourcesOf } from './scripted-master.ts';
import type { ScriptedOffer } from './scripted-records.ts';

let cluster: ScriptedCluster;

/** By shares `first`, which uses nothing, comes before `second`, and that before `third`. */
beforeEach(() => {
  cluster = new ScriptedCluster();
  hold('third', resourcesOf(16, 16_000));
  hold('second', resourcesOf(8, 8000));
  cluster.master.subscribe('first', 'role-of-first');
});

function hold(name: string, resources: ReturnType<typeof resourcesOf>): void {
  cluster.master.subscribe(name, `role-of-${name}`);
  cluster.master.addAgent(`held-by-${name}`, resources);
  for (const { number } of cluster.settle()) cluster.master.launch(number);
  cluster.hear();
}

const addAgent = (cpus: number): void =>
  cluster.master.addAgent('agent-1', resourcesOf(cpus, 1000 * cpus));

/** The one that is made now. */
function nextOffer(): Proposal {
  const [offer, ...others] = cluster.settle();
  assert(offer !== undefined && others.length === 0, 'there is one offer');
  return offer;
}

const nextReceiver = (): string => nextOffer().framework.frameworkId;

const decline = ({ number }: Proposal, refuseMs = 0): void =>
  cluster.master.decline(number, refuseMs);
const expire = ({ number }: Proposal): void => cluster.master.expire(number);

/** Tasks use so many CPUs and as much memory with it; what is left over is given back, without a filter. */
function use(offer: Proposal, cpus: number): void {
  const rest = subtract(allOf(offer), resourcesOf(cpus, 1000 * cpus));
  cluster.master.giveBack(offer, rest, 0);
}

const end = (offer: Proposal, cpus: number): void =>
  cluster.master.giveBack(offer, resourcesOf(cpus, 1000 * cpus));

describe('whoever leaves an agent unused stands back on it', () => {
  test.each<[string, (offer: Proposal) => void]>([
    ['it declines, without a filter', decline],
    ['it lets the offer expire', expire],
    ['it accepts and uses nothing', (offer) => use(offer, 0)],
    ['it uses less than half', (offer) => use(offer, 3)],
  ])('when %s', (_, leave) => {
    addAgent(8);
    const offer = nextOffer();
    expect(offer.framework).toStrictEqual(aFramework('first'));
    leave(offer);
    expect(nextReceiver()).toBe('second');
  });

  test('also when its filter has ended meanwhile', () => {
    addAgent(8);
    decline(nextOffer(), 1000);
    const offer = nextOffer();
    cluster.settleWithin(2000);
    decline(offer);
    expect(nextReceiver()).toBe('third');
  });

  test('in all of its roles', () => {
    cluster.master.subscribe('first', 'role-of-first', 'another-role');
    addAgent(8);
    expire(nextOffer());
    expect(nextReceiver()).toBe('second');
  });

  test('not on other agents', () => {
    addAgent(8);
    expire(nextOffer());
    expect(nextReceiver()).toBe('second');
    cluster.master.addAgent('agent-2', resourcesOf(8, 8000));
    expect(nextReceiver()).toBe('first');
  });

  test('not when it uses more than half of what was unused: what it leaves over goes by shares', () => {
    addAgent(8);
    use(nextOffer(), 5);
    expect(nextReceiver()).toBe('first');
  });
});

describe('how long it stands back', () => {
  test('until all others have had the agent: then all are asked in fair order again, round after round', () => {
    addAgent(8);
    const receivers = Array.from({ length: 9 }, () => {
      const offer = nextOffer();
      expire(offer);
      return offer.framework.frameworkId;
    });
    const round = ['first', 'second', 'third'];
    expect(receivers).toStrictEqual([...round, ...round, ...round]);
  });

  test('until another has used more than half of what was unused', () => {
    addAgent(8);
    expire(nextOffer());
    use(nextOffer(), 5);
    expect(nextReceiver()).toBe('first');
  });

  test('beyond another that uses less than half, and stands back itself', () => {
    addAgent(8);
    expire(nextOffer());
    use(nextOffer(), 3);
    expect(nextReceiver()).toBe('third');
  });

  test('until another has used all of it, though that is free again', () => {
    addAgent(8);
    expire(nextOffer());
    const offer = nextOffer();
    use(offer, 8);
    cluster.settle();
    end(offer, 8);
    expect(nextReceiver()).toBe('first');
  });

  // `second` has so many in use of 8 when the first one leaves the rest; at half it has left as much itself.
  test.each([
    { used: 5, next: 'first', what: 'more than twice as much' },
    { used: 4, next: 'third', what: 'twice as much' },
  ])('$what is left than was unused when it left: $next comes first', ({ used, next }) => {
    cluster.master.suppress('first', 'role-of-first');
    addAgent(8);
    const offer = nextOffer();
    use(offer, used);
    cluster.master.revive('first', 'role-of-first');
    expire(nextOffer());
    end(offer, used);
    expect(nextReceiver()).toBe(next);
  });

  test('until the agent is another than it was', () => {
    addAgent(8);
    expire(nextOffer());
    addAgent(7);
    expect(nextReceiver()).toBe('first');
  });
});

test('those who use most of what they are offered share by weight, whatever they leave over', () => {
  const cycled = new CycledCluster();
  let answers = 0;
  /** As many tasks of 3 CPUs as fit: 2 CPUs are left over of an agent. */
  const useMost = (offer: ScriptedOffer): void => {
    const all = allOf(offer);
    const cpus = 3 * Math.floor(amountOf(all, 'cpus') / 3000);
    const used = resourcesOf(cpus, 1000 * cpus);
    answers += 1;
    if (cpus === 0) cycled.master.decline(offer.number, 0);
    else cycled.launch(offer, used, 5 + (answers % 7), subtract(all, used));
  };
  cycled.addAgents('agent', 6, resourcesOf(8, 8000));
  cycled.subscribe('heavy', useMost);
  cycled.subscribe('light', useMost);
  cycled.master.setRole('heavy', { weight: 3000 });
  const cpus = { heavy: 0, light: 0 };
  for (let count = 0; count < 400; count += 1) {
    cycled.cycle();
    for (const name of ['heavy', 'light'] as const) cpus[name] += usedBy(cycled, name);
  }
  expect(cpus.heavy / cpus.light).toBeGreaterThan(2);
  expect(cpus.heavy / cpus.light).toBeLessThan(4);
});

function usedBy({ master }: CycledCluster, name: string): number {
  const { used } = master.frameworks.get(frameworkKey(aFramework(name))) ?? {};
  return [...(used?.values() ?? [])].reduce(
    (sum, resources) => sum + amountOf(resources, 'cpus'),
    0,
  );
}

describe('what is remembered', () => {
  /** Of 32 frameworks on 32 agents. */
  const left = new LeftUnused((32 * 32) / 8);
  const agents = Array.from(
    { length: 33 },
    (_, number) => new Agent(anAgentId(`agent-${number}`), number),
  );
  const remembered = (): number =>
    agents.filter((agent) => left.standsBack(agent, 'tests/a')).length;

  test('is bounded by agents: one more, and every round begins anew', () => {
    for (const agent of agents.slice(0, 32)) left.note(agent, 'tests/a');
    expect(remembered()).toBe(32);
    for (const agent of agents.slice(32)) left.note(agent, 'tests/a');
    left.checkInvariants();
    expect(remembered()).toBe(1);
  });

  test('is bounded by frameworks likewise', () => {
    const [agent] = agents;
    assert(agent !== undefined, 'there is an agent');
    const isBack = (number: number): boolean => left.standsBack(agent, `tests/framework-${number}`);
    for (let number = 0; number < 31; number += 1) left.note(agent, `tests/framework-${number}`);
    expect([isBack(0), isBack(30)]).toStrictEqual([true, true]);
    left.note(agent, 'tests/framework-31');
    left.checkInvariants();
    expect([isBack(0), isBack(31)]).toStrictEqual([false, true]);
  });
});
