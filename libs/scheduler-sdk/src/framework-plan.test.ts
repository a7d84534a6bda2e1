// Owns the rules of a framework's plan about launching, ending, trying again and killing. What it asks to be offered
// and how it answers offers is framework-plan-etiquette.test.ts's.
import { describe, expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import { PlanFixture } from './plan-fixture.ts';

const job = (key: string, rest: Partial<DesiredTask> = {}): DesiredTask =>
  ({ key, need: { cpus: 1 }, run: cmd('true'), ...rest }) as DesiredTask;
const ROOMY = { cpus: 100 };

describe('a framework that starts', () => {
  it('launches nothing before it knows what runs, and gives offers back for a moment', () => {
    const fixture = new PlanFixture();
    fixture.desired([job('a')]);
    expect(fixture.offer(ROOMY)).toEqual([]);
    expect(fixture.last('decline')?.filter.refuseMs).toBe(1000);
    expect(fixture.plan.explain('a', fixture.nowMs).state).toBe('recovering');
    fixture.take(fixture.plan.recovered([], fixture.nowMs));
    expect(fixture.offer(ROOMY)).toHaveLength(1);
  });

  it('does not launch again what an earlier scheduler has launched, whether it is told first or last', () => {
    const before = PlanFixture.begun([job('a'), job('odd key')], { incarnation: 't0' });
    const tasks = before.offer(ROOMY);
    const statuses = tasks.map(({ taskId }) => ({ taskId, state: 'running' as const }));
    for (const isToldFirst of [true, false]) {
      const fixture = new PlanFixture({ incarnation: 't1' });
      if (isToldFirst) fixture.take(fixture.plan.recovered(statuses, fixture.nowMs));
      fixture.desired([job('a'), job('odd key')]);
      if (!isToldFirst) fixture.take(fixture.plan.recovered(statuses, fixture.nowMs));
      expect(fixture.offer(ROOMY)).toEqual([]);
      expect(fixture.killed).toEqual([]);
      expect(fixture.plan.explain('odd key', fixture.nowMs)).toMatchObject({
        state: 'running',
        taskIds: [tasks[1]?.taskId],
      });
    }
  });

  it('does not launch what ended while it was away and is told so by an update', () => {
    const fixture = new PlanFixture({ incarnation: 't1' });
    fixture.desired([job('a', { payload: 7 })]);
    const told = fixture.update('a-t0-1', 'finished');
    expect(told).toMatchObject({ key: 'a', payload: 7, terminal: true, willRetry: false });
    fixture.take(fixture.plan.recovered([], fixture.nowMs));
    expect(fixture.offer(ROOMY)).toEqual([]);
  });

  it('is not misled by what a reconciliation says of a task that ended in another time', () => {
    const fixture = PlanFixture.begun([job('a')], { incarnation: 't1' });
    expect(fixture.update('a-t0-1', 'finished', { reason: 'reconciliation' })).toBeUndefined();
    expect(fixture.offer(ROOMY)).toHaveLength(1);
  });

  it('names its tasks otherwise than an earlier scheduler did', () => {
    const ids = ['t0', 't1'].map((incarnation) =>
      PlanFixture.begun([job('a')], { incarnation })
        .offer(ROOMY)
        .map(({ taskId }) => taskId),
    );
    expect(ids).toEqual([['a-t0-1'], ['a-t1-1']]);
  });
});

describe('what is desired', () => {
  it('is launched once, however often the same list is read', () => {
    const fixture = PlanFixture.begun([job('a'), job('b')]);
    expect(fixture.offer({ cpus: 1 })).toHaveLength(1);
    fixture.desired([job('a'), job('b')]);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['b-t0-1']);
    fixture.desired([job('a'), job('b')]);
    expect(fixture.offer(ROOMY)).toEqual([]);
  });

  it('is launched in the order of the list', () => {
    const fixture = PlanFixture.begun([job('b'), job('a'), job('c')]);
    expect(fixture.offer({ cpus: 2 }).map(({ taskId }) => taskId)).toEqual(['b-t0-1', 'a-t0-1']);
  });

  it('gets its resources, its ports and its place told when it depends on them', () => {
    const run = ({
      taskId,
      hostname,
      ports,
    }: {
      taskId: string;
      hostname: string;
      ports: readonly number[];
    }) => cmd('serve', taskId, hostname, String(ports));
    const fixture = PlanFixture.begun([job('a', { need: { cpus: 1, ports: 2 }, run } as never)]);
    const [task] = fixture.offer({ cpus: 4, ports: '31000-31009' });
    expect(task).toMatchObject({
      agentId: 'a1',
      command: { argv: ['serve', 'a-t0-1', 'host-a1', '31000,31001'] },
      resources: { scalars: { cpus: 1000 }, ports: [[31000, 31001]] },
    });
  });

  it('as a group is launched as one, and ends with its last task', () => {
    const members = ['x', 'y'].map(() => ({ need: { cpus: 1 }, run: cmd('true') }));
    const executor = { executorId: 'pod' as never, kind: 'default' as const };
    const fixture = PlanFixture.begun([{ key: 'g', members, executor }]);
    expect(fixture.offer({ cpus: 1.5 })).toEqual([]);
    fixture.offer({ cpus: 2 });
    expect(fixture.last('accept')?.operations).toMatchObject([
      { kind: 'launchGroup', tasks: [{ taskId: 'g-t0-1x0' }, { taskId: 'g-t0-1x1' }] },
    ]);
    expect(fixture.update('g-t0-1x0', 'failed')).toMatchObject({ terminal: false });
    expect(fixture.update('g-t0-1x1', 'finished')).toMatchObject({
      terminal: true,
      willRetry: true,
    });
  });

  it('no more is killed, and is forgotten when it has ended', () => {
    const fixture = PlanFixture.begun([job('a'), job('b')]);
    fixture.offer(ROOMY);
    fixture.update('a-t0-1', 'running');
    fixture.desired([job('b')]);
    expect(fixture.of('kill')).toEqual([{ kind: 'kill', taskId: 'a-t0-1', agentId: 'a1' }]);
    expect(fixture.plan.explain('a', fixture.nowMs).state).toBe('killing');
    expect(fixture.update('a-t0-1', 'killed')).toMatchObject({ key: 'a', willRetry: false });
    expect(fixture.plan.explain('a', fixture.nowMs).state).toBe('unknown');
    fixture.desired([job('b')]);
    expect(fixture.killed).toHaveLength(1);
  });

  it('again after it was killed is launched anew, once the old task has ended', () => {
    const fixture = PlanFixture.begun([job('a')]);
    fixture.offer(ROOMY);
    fixture.desired([]);
    fixture.desired([job('a')]);
    expect(fixture.offer(ROOMY)).toEqual([]);
    fixture.update('a-t0-1', 'killed');
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-2']);
  });

  it('by nobody is killed when it runs: what an earlier list has left', () => {
    const fixture = PlanFixture.begun([job('a')]);
    fixture.update('old-t0-1', 'running');
    expect(fixture.killed).toEqual(['old-t0-1']);
  });

  it('is not judged by tasks that the framework did not name', () => {
    const fixture = PlanFixture.begun([job('a')]);
    expect(fixture.update('something-else', 'running')).toBeUndefined();
    expect(fixture.killed).toEqual([]);
  });

  it('runs once: of two tasks of a key the one that runs stays', () => {
    const fixture = new PlanFixture({ incarnation: 't2' });
    fixture.desired([job('a')]);
    const statuses = (['staging', 'running'] as const).map((state, index) => ({
      taskId: `a-t${index}-1` as never,
      state,
    }));
    fixture.take(fixture.plan.recovered(statuses, fixture.nowMs));
    expect(fixture.killed).toEqual(['a-t0-1']);
    expect(fixture.update('a-t0-1', 'killed')).toMatchObject({ willRetry: true });
    expect(fixture.offer(ROOMY)).toEqual([]);
  });
});

describe('work that ends', () => {
  it('as finished is done, also while the list still names it', () => {
    const fixture = PlanFixture.begun([job('a', { payload: { n: 1 } })]);
    fixture.offer(ROOMY);
    expect(fixture.update('a-t0-1', 'running')).toMatchObject({
      state: 'running',
      terminal: false,
    });
    expect(fixture.update('a-t0-1', 'finished', { exitCode: 0 })).toMatchObject({
      key: 'a',
      payload: { n: 1 },
      terminal: true,
      willRetry: false,
      exitCode: 0,
    });
    fixture.desired([job('a')]);
    expect(fixture.offer(ROOMY)).toEqual([]);
    expect(fixture.plan.explain('a', fixture.nowMs).state).toBe('done');
  });

  it('is launched again when it is a service', () => {
    const fixture = PlanFixture.begun([job('a', { restart: 'always' })]);
    fixture.offer(ROOMY);
    expect(fixture.update('a-t0-1', 'finished')).toMatchObject({ terminal: true, willRetry: true });
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-2']);
  });

  it('as failed is tried again after its backoff, and quarantined after as many attempts as it may have', () => {
    const retry = { max: 2, backoff: { firstMs: 1000, factor: 2, maxMs: 9000 } };
    const fixture = PlanFixture.begun([job('a', { retry }), job('b')]);
    fixture.offer(ROOMY);
    expect(fixture.update('a-t0-1', 'failed')).toMatchObject({ terminal: true, willRetry: true });
    expect(fixture.offer(ROOMY)).toEqual([]);
    expect(fixture.plan.explain('a', fixture.nowMs)).toMatchObject({ state: 'backoff' });
    fixture.pass(1000);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-2']);
    expect(fixture.update('a-t0-2', 'failed')).toMatchObject({ terminal: true, willRetry: false });
    fixture.pass(100_000);
    fixture.desired([job('a', { retry }), job('b')]);
    expect(fixture.offer(ROOMY)).toEqual([]);
    expect(fixture.plan.explain('a', fixture.nowMs)).toMatchObject({
      state: 'quarantined',
      problem: 'its last attempt ended as failed, after 2 attempts',
    });
  });

  it('is not brought back by a late update: the attempt has ended, and the next one is launched', () => {
    const fixture = PlanFixture.begun([job('a', { restart: 'always' })]);
    fixture.offer(ROOMY);
    fixture.update('a-t0-1', 'finished');
    expect(fixture.update('a-t0-1', 'running')).toBeUndefined();
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-2']);
    expect(fixture.update('a-t0-1', 'finished')).toBeUndefined();
    expect(fixture.plan.explain('a', fixture.nowMs)).toMatchObject({ taskIds: ['a-t0-2'] });
  });

  it('leaves quarantine when what is wanted has changed, or was not wanted for a while', () => {
    const retry = { max: 1 };
    const fixture = PlanFixture.begun([job('a', { retry }), job('b', { retry })]);
    fixture.offer(ROOMY);
    fixture.update('a-t0-1', 'failed');
    fixture.update('b-t0-1', 'failed');
    fixture.desired([job('a', { retry, run: cmd('false') })]);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-2']);
    fixture.desired([job('b', { retry })]);
    expect(fixture.offer(ROOMY)).toHaveLength(1);
  });

  it.each(['dropped', 'gone'] as const)(
    'as %s is tried again as often as it takes, ever slower',
    (state) => {
      const fixture = PlanFixture.begun([job('a', { retry: { max: 1 } })]);
      const waits: number[] = [];
      for (let count = 1; count <= 12; count += 1) {
        const [task] = fixture.offer(ROOMY);
        expect(fixture.update(task?.taskId ?? '', state)).toMatchObject({ willRetry: true });
        const { untilMs = 0 } = fixture.plan.explain('a', fixture.nowMs);
        waits.push(untilMs - fixture.nowMs);
        fixture.pass(30_000);
      }
      expect(waits[0]).toBeLessThanOrEqual(100);
      expect(Math.max(...waits)).toBeGreaterThan(10_000);
    },
  );

  it('as taken back for somebody else is no failure of its own', () => {
    const fixture = PlanFixture.begun([job('a', { retry: { max: 1 } })]);
    fixture.offer(ROOMY);
    const told = fixture.update('a-t0-1', 'killed', { reason: 'revoked' });
    expect(told).toMatchObject({ terminal: true, willRetry: true, reason: 'revoked' });
    fixture.pass(200);
    expect(fixture.offer(ROOMY)).toHaveLength(1);
    expect(fixture.update('a-t0-2', 'killed')).toMatchObject({ willRetry: false });
  });

  it('that was lent what it ran on is launched on what is revocable, and tried again when that is taken back', () => {
    const fixture = PlanFixture.begun([job('a', { revocable: true, retry: { max: 1 } })]);
    expect(fixture.offer(ROOMY)).toEqual([]);
    const lent = { revocable: { cpus: 2 } };
    for (let count = 1; count <= 3; count += 1) {
      const [task] = fixture.offer(lent);
      expect(task).toMatchObject({ revocable: true, resources: { scalars: { cpus: 1000 } } });
      const told = fixture.update(task?.taskId ?? '', 'killed', { reason: 'revoked' });
      expect(told).toMatchObject({ willRetry: true, reason: 'revoked' });
      fixture.pass(30_000);
    }
  });

  it('as refused by the leader is not tried again: it would be refused again', () => {
    const fixture = PlanFixture.begun([job('a')]);
    fixture.offer(ROOMY);
    const told = fixture.update('a-t0-1', 'error', { reason: 'invalidTask' });
    expect(told).toMatchObject({ terminal: true, willRetry: false, reason: 'invalidTask' });
  });

  it('later than its deadline is killed, not tried again, and told', () => {
    const fixture = PlanFixture.begun([
      job('a', { deadlineMs: 5000 }),
      job('b', { deadlineMs: 5000 }),
    ]);
    fixture.offer({ cpus: 1 });
    fixture.pass(4999);
    expect(fixture.killed).toEqual([]);
    fixture.pass(1);
    expect(fixture.killed).toEqual(['a-t0-1']);
    expect(fixture.update('a-t0-1', 'killed')).toMatchObject({
      willRetry: false,
      reason: 'deadline',
    });
    expect(fixture.of('tell').map(({ update }) => update)).toMatchObject([
      { key: 'b', state: 'failed', reason: 'deadline', terminal: true, willRetry: false },
    ]);
    expect(fixture.offer(ROOMY)).toEqual([]);
  });
});

describe('a task on an agent that is away', () => {
  const unreachable = (): PlanFixture => {
    const fixture = PlanFixture.begun([job('a', { replaceUnreachableAfterMs: 5000 })]);
    fixture.offer(ROOMY);
    fixture.update('a-t0-1', 'unreachable');
    return fixture;
  };

  it('is replaced after the time that its work allows, not before', () => {
    const fixture = unreachable();
    fixture.pass(4999);
    expect(fixture.offer({ ...ROOMY, agent: 'a2' })).toEqual([]);
    expect(fixture.plan.explain('a', fixture.nowMs).state).toBe('unreachable');
    fixture.pass(1);
    expect(fixture.offer({ ...ROOMY, agent: 'a2' })).toHaveLength(1);
  });

  it('goes on when the agent returns in time', () => {
    const fixture = unreachable();
    fixture.pass(4000);
    fixture.update('a-t0-1', 'running');
    fixture.pass(10_000);
    expect(fixture.offer(ROOMY)).toEqual([]);
  });

  it('ends one of the two when the agent returns after the replacement began', () => {
    const fixture = unreachable();
    fixture.pass(5000);
    fixture.offer({ ...ROOMY, agent: 'a2' });
    expect(fixture.killed).toEqual([]);
    fixture.update('a-t0-1', 'running');
    expect(fixture.killed).toEqual(['a-t0-2']);
    expect(fixture.update('a-t0-2', 'killed')).toMatchObject({ willRetry: true });
    expect(fixture.offer(ROOMY)).toEqual([]);
  });
});

describe('an error of the user in one key', () => {
  it('in its need is told once, and the others are launched', () => {
    const broken = job('a', { need: { mem: 'much' } } as never);
    const fixture = PlanFixture.begun([broken, job('b')]);
    fixture.desired([broken, job('b')]);
    const told = fixture.of('tell').map(({ update }) => update);
    expect(told).toMatchObject([
      { key: 'a', state: 'error', reason: 'description', terminal: true, willRetry: false },
    ]);
    expect(told[0]?.message).toMatch(/^mem: /);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['b-t0-1']);
    fixture.desired([job('a'), job('b')]);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['a-t0-1']);
  });

  it('in what it runs is tried again with backoff, and the others are launched', () => {
    let calls = 0;
    const run = (): never => {
      calls += 1;
      throw new Error('no such file');
    };
    const fixture = PlanFixture.begun([job('a', { run, retry: { max: 2 } } as never), job('b')]);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['b-t0-1']);
    fixture.pass(2000);
    fixture.offer(ROOMY);
    fixture.pass(60_000);
    fixture.offer(ROOMY);
    expect(calls).toBe(2);
    expect(fixture.of('tell').map(({ update }) => update)).toMatchObject([
      { key: 'a', reason: 'description', willRetry: true },
      { key: 'a', willRetry: false },
    ]);
    expect(fixture.plan.explain('a', fixture.nowMs).problem).toContain('no such file');
  });

  it('that names a key twice leaves the first one as it is', () => {
    const fixture = PlanFixture.begun([job('a'), job('a', { need: { cpus: 2 } } as never)]);
    expect(fixture.offer(ROOMY)).toMatchObject([{ resources: { scalars: { cpus: 1000 } } }]);
  });

  it('while it runs leaves it running', () => {
    const fixture = PlanFixture.begun([job('a')]);
    fixture.offer(ROOMY);
    fixture.desired([job('a', { need: { mem: 'much' } } as never)]);
    expect(fixture.killed).toEqual([]);
  });
});
