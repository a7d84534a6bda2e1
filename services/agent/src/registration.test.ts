// Tests of how a supervisor stands with its leader, and of how it goes on after its process died.
import { standingOf } from '@parley/protocol/agent-standing';
import { NO_EPOCH } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import { describe, expect, test } from 'vitest';
import { Registration } from './registration.ts';
import { aKill, aRun, EPOCH, KEY, LATER, REF, ScriptedSupervisor } from './scripted-supervisor.ts';

const aRegistration = {
  hostname: 'host',
  total: { scalars: {}, ports: [], sets: {} },
  attributes: {},
  tasks: [],
  executors: [],
};

const described = () => ({ body: aRegistration, runningTasks: 0 });

/** With the leader of `EPOCH`, at 0 ms. */
function registered(jitter: number): Registration {
  const registration = new Registration({ session: 's', jitter });
  registration.connected(0);
  const [first] = registration.takeDue(0, described);
  const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
  registration.heard(EPOCH, 0);
  if (first?.kind === 'register') registration.answered(first.counter, { ok: true, value }, 0);
  return registration;
}

describe('registration', () => {
  test('the request is repeated with one id until it is answered, then heartbeats follow', () => {
    const bench = new ScriptedSupervisor().send({ kind: 'connected' }).after(2000);
    const requests = bench.take('register');
    expect(requests.map(({ request }) => request.counter)).toEqual([1, 1]);
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
    const answer = { ok: true, value } as const;
    bench.send({ kind: 'registerAnswered', counter: 1, epoch: EPOCH, answer });
    expect(bench.after(4999).take('heartbeat')).toEqual([]);
    expect(bench.after(1).take('heartbeat')).toHaveLength(1);
    expect(bench.take('register')).toEqual([]);
  });

  test('a higher epoch makes it register again with a new id and the tasks that it has', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .running()
      .send({ kind: 'presence', epoch: LATER });
    const [again] = bench.after(0).take('register');
    expect(again?.request.counter).toBe(2);
    expect(again?.body.tasks).toEqual([{ task: REF, state: 'running', lastSequence: 1 }]);
  });

  test('it tells what is free: what no task holds that has not ended', () => {
    const resources = { scalars: { cpus: 100 } };
    const bench = new ScriptedSupervisor().registered().running({ resources });
    const free = () => bench.take('register').at(-1)?.body.free?.scalars;
    bench.send({ kind: 'presence', epoch: LATER }).after(0);
    expect(free()).toEqual({ cpus: 3900 });
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.send({ kind: 'presence', epoch: { ...LATER, revision: 3 } }).after(0);
    expect(bench.take('register').at(-1)?.body).toMatchObject({
      tasks: [{ state: 'finished' }],
      free: { scalars: { cpus: 4000 } },
    });
  });

  test('what it is lent is not in its total, and where more is held than there is nothing is said of what is free', () => {
    const lent = { resources: { scalars: { cpus: 100 } }, revocable: true };
    for (const [task, free] of [
      [lent, { scalars: { cpus: 4000 } }],
      // It has no memory to give away.
      [{}, undefined],
    ] as const) {
      const bench = new ScriptedSupervisor().registered().running(task);
      bench.send({ kind: 'presence', epoch: LATER }).after(0);
      const body = bench.take('register').at(-1)?.body;
      expect(body?.tasks).toHaveLength(1);
      if (free === undefined) expect(body).not.toHaveProperty('free');
      else expect(body?.free).toMatchObject(free);
    }
  });

  test('all agents of a cluster register with a new leader within the time that it gives them', () => {
    for (const [jitter, atMs] of [
      [0, 0],
      [0.5, 1000],
      [1, 2000],
    ] as const) {
      const registration = registered(jitter);
      registration.heard(LATER, 100, 2000);
      if (atMs > 0) expect(registration.takeDue(100 + atMs - 1, described)).toEqual([]);
      expect(registration.takeDue(100 + atMs, described)).toMatchObject([{ kind: 'register' }]);
    }
  });

  test('to a new leader that takes standings it tells its own in a heartbeat, within the same time, and with each that follows', () => {
    const resources = { scalars: { cpus: 100 } };
    const bench = new ScriptedSupervisor().registered().running({ resources });
    const presence = { kind: 'presence', epoch: LATER, takesStandings: true } as const;
    bench.send(presence).after(0);
    expect(bench.take('register')).toEqual([]);
    const standing = standingOf({
      total: { scalars: { cpus: 4000 }, ports: [], sets: {} },
      free: { scalars: { cpus: 3900 }, ports: [], sets: {} },
      tasks: [{ task: REF, state: 'running', lastSequence: 1 }],
      executors: [],
      revocable: undefined,
    });
    const told = { kind: 'heartbeat', body: { runningTasks: 1, standing } };
    expect(bench.take('heartbeat')).toEqual([told]);
    bench.after(5000);
    expect(bench.take('heartbeat')).toEqual([told]);
    // One of before, or that does not know of standings, is registered with.
    bench.send({ kind: 'presence', epoch: { ...LATER, revision: LATER.revision + 1 } }).after(0);
    expect(bench.take('register')).toHaveLength(1);
  });

  test('asked for its standing once more it tells that at once, and registers where it cannot or the leader takes none', () => {
    const bench = new ScriptedSupervisor().registered();
    bench.send({ kind: 'presence', epoch: LATER, takesStandings: true }).after(0);
    const [told] = bench.take('heartbeat');
    const ask = { kind: 'registerAgain', epoch: LATER, standing: true } as const;
    expect(bench.send(ask).take('heartbeat')).toEqual([told]);
    expect(bench.after(4999).take('heartbeat')).toEqual([]);
    expect(bench.send({ ...ask, epoch: EPOCH }).take('heartbeat')).toEqual([]);
    expect(bench.take('register')).toEqual([]);
    const later = { ...ask, epoch: { ...LATER, revision: LATER.revision + 1 } };
    expect(bench.send(later).take('register')).toHaveLength(1);
    // The request that is under way says it all.
    expect(bench.send(later).take('register')).toEqual([]);
    expect(bench.take('heartbeat')).toEqual([]);
  });

  test('an order of a new leader may come before it has said whether it takes standings', () => {
    const aRegistered = () => {
      const registration = registered(0.5);
      registration.heard(LATER, 100);
      return {
        registration,
        due: () => registration.takeDue(600, described).map(({ kind }) => kind),
      };
    };
    const told = aRegistered();
    told.registration.heardPresence(LATER, { reportWithinMs: 900, takesStandings: true }, 200);
    expect(told.due()).toEqual(['heartbeat']);
    expect(aRegistered().due()).toEqual(['register']);
    // While the bus is away nothing is told; back on it, it registers.
    const away = aRegistered();
    away.registration.heardPresence(LATER, { reportWithinMs: 900, takesStandings: true }, 200);
    away.registration.disconnected();
    away.registration.connected(500);
    expect(away.due()).toEqual(['register']);
  });

  test('it wakes at whole milliseconds, whatever its share of the time is', () => {
    const registration = new Registration({ session: 's', jitter: 1 / 3, epoch: EPOCH });
    registration.connected(0);
    registration.takeDue(0, () => ({ body: aRegistration, runningTasks: 0 }));
    registration.heard(EPOCH, 0);
    registration.heard(LATER, 100, 1000);
    expect(registration.nextDueMs()).toBeLessThan(1100);
    expect(Number.isInteger(registration.nextDueMs())).toBe(true);
  });

  test('a new term is on the disk before anything that is ordered in it is done, and an earlier one is refused after a restart', () => {
    const bench = new ScriptedSupervisor().send(aRun());
    expect(bench.effects.slice(0, 2)).toMatchObject([
      { kind: 'rememberEpoch', epoch: EPOCH },
      { kind: 'persist' },
    ]);
    expect(bench.take('rememberEpoch')).toHaveLength(1);
    bench.send({ kind: 'presence', epoch: EPOCH }).send({ kind: 'presence', epoch: LATER });
    expect(bench.take('rememberEpoch')).toEqual([{ kind: 'rememberEpoch', epoch: LATER }]);
    const again = new Registration({ session: 't', jitter: 0, epoch: LATER });
    expect([again.heard(EPOCH, 0), again.heard(LATER, 0)]).toEqual([false, true]);
  });

  test('a leader that was silent for long is registered with again', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .after(29_000)
      .send({ kind: 'presence', epoch: EPOCH });
    expect(bench.after(1).take('register')).toEqual([]);
    bench.after(31_000).send({ kind: 'presence', epoch: EPOCH });
    expect(bench.after(0).take('register')).toHaveLength(1);
  });

  test('a leader that hears it and does not count it as registered is registered with again, once', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .running()
      .send({ kind: 'registerAgain', epoch: EPOCH });
    const [again] = bench.after(0).take('register');
    expect(again?.body.tasks).toEqual([{ task: REF, state: 'running', lastSequence: 1 }]);
    expect(bench.send({ kind: 'registerAgain', epoch: EPOCH }).after(0).take('register')).toEqual(
      [],
    );
    expect(bench.send({ kind: 'registerAgain', epoch: NO_EPOCH }).take('register')).toEqual([]);
  });

  test('tasks that the leader does not know are killed', () => {
    const bench = new ScriptedSupervisor().running().send({ kind: 'connected' });
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [REF], unknownExecutors: [] };
    const answer = { ok: true, value } as const;
    bench.send({ kind: 'registerAnswered', counter: 1, epoch: EPOCH, answer });
    expect(bench.take('stop').map(({ signal }) => signal)).toEqual(['SIGTERM']);
  });

  test('an order that is accepted while a register request is open is answered after it', () => {
    const bench = new ScriptedSupervisor().send({ kind: 'connected' }).send(aRun());
    expect(bench.take('register')[0]?.body.tasks).toEqual([]);
    expect(bench.answers()).toEqual([]);
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
    const answer = { ok: true, value } as const;
    bench.send({ kind: 'registerAnswered', counter: 1, epoch: EPOCH, answer });
    expect(bench.answers()).toEqual([true]);
  });

  test('a refusal is reported and answered with a new request', () => {
    const bench = new ScriptedSupervisor().send({ kind: 'connected' });
    bench.take('register');
    const answer = fail('requestExpired', 'too old');
    bench.send({ kind: 'registerAnswered', counter: 1, epoch: EPOCH, answer });
    expect(bench.take('report')).toHaveLength(1);
    expect(
      bench
        .after(5000)
        .take('register')
        .map(({ counter }) => counter),
    ).toEqual([2]);
  });

  test('before any leader was heard the epoch is none', () => {
    expect(new ScriptedSupervisor().supervisor.epoch).toEqual(NO_EPOCH);
  });
});

describe('recovery', () => {
  const record = (bench: ScriptedSupervisor) => bench.take('persist').at(-1)?.record;

  test('a task that runs on is told nothing new and its end is seen', () => {
    const before = new ScriptedSupervisor().running();
    const saved = record(before);
    if (saved === undefined) throw new Error('nothing was recorded');
    const bench = new ScriptedSupervisor().registered();
    bench.send({ kind: 'recovered', tasks: [{ record: saved, outcome: { state: 'running' } }] });
    expect(bench.take('launch')).toEqual([]);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 4 } });
    expect(bench.publishAll()).toEqual(['running', 'failed']);
  });

  test('a task that was accepted and did not start is started', () => {
    const before = new ScriptedSupervisor().send(aRun());
    const saved = record(before);
    if (saved === undefined) throw new Error('nothing was recorded');
    const bench = new ScriptedSupervisor().registered();
    bench.send({ kind: 'recovered', tasks: [{ record: saved, outcome: { state: 'notStarted' } }] });
    expect(bench.take('copyInputs')).toHaveLength(1);
  });

  test('a task that was told to run and left no trace is failed, never started again', () => {
    const saved = record(new ScriptedSupervisor().running());
    if (saved === undefined) throw new Error('nothing was recorded');
    const bench = new ScriptedSupervisor().registered();
    bench.send({ kind: 'recovered', tasks: [{ record: saved, outcome: { state: 'notStarted' } }] });
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.publishAll()).toEqual(['running', 'failed']);
  });

  test('a kill that was under way goes on', () => {
    const saved = record(new ScriptedSupervisor().running().send(aKill(2, 1000)));
    if (saved === undefined) throw new Error('nothing was recorded');
    const bench = new ScriptedSupervisor().registered();
    bench.send({ kind: 'recovered', tasks: [{ record: saved, outcome: { state: 'running' } }] });
    expect(
      bench
        .after(1000)
        .take('stop')
        .map(({ signal }) => signal),
    ).toEqual(['SIGTERM', 'SIGKILL']);
  });
});

describe('what an agent lends', () => {
  const lent = (cpus: number) => ({ scalars: { cpus }, ports: [], sets: {} });
  const estimated = (cpus: number) => ({ kind: 'estimated', revocable: lent(cpus) }) as const;
  const told = (bench: ScriptedSupervisor) =>
    bench.take('oversubscribed').map(({ body }) => body.revocable.scalars['cpus']);

  test('stands in its registration, and is told at once when it changes', () => {
    const bench = new ScriptedSupervisor().send(estimated(1000)).send({ kind: 'connected' });
    expect(bench.take('register')[0]?.body.revocable).toEqual(lent(1000));
    bench.send(estimated(2000));
    expect(told(bench)).toEqual([]);
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
    const answer = { ok: true, value } as const;
    bench.send({ kind: 'registerAnswered', counter: 1, epoch: EPOCH, answer });
    expect(told(bench)).toEqual([2000]);
    expect(told(bench.send(estimated(500)))).toEqual([500]);
    expect(told(bench.send(estimated(500)))).toEqual([]);
  });

  test('is told again with each heartbeat, as one may get lost', () => {
    const bench = new ScriptedSupervisor().registered().send(estimated(1000));
    expect(told(bench)).toEqual([1000]);
    expect(told(bench.after(5000))).toEqual([1000]);
    expect(bench.take('heartbeat')).toHaveLength(1);
  });

  test('is not spoken of where nobody has estimated anything', () => {
    const bench = new ScriptedSupervisor().send({ kind: 'connected' });
    expect(bench.take('register')[0]?.body).not.toHaveProperty('revocable');
    expect(told(bench.after(60_000))).toEqual([]);
  });
});
