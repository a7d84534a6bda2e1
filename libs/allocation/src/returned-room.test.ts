import type { Fact } from '@parley/protocol/allocation';
import type { CandidatesQuestion } from '@parley/protocol/revocations';
import { beforeEach, describe, expect, test } from 'vitest';
import { Knowledge } from './knowledge.ts';
import { LOOK_MS, type ReclaimEffect, Reclaimer } from './reclaimer.ts';
import { LONGEST_DELAY_MS, ReturnedRoom } from './returned-room.ts';
import { agent, cpus } from './scripted-claims.ts';
import {
  anAgent,
  guaranteed,
  isTaken,
  questionOf,
  ref,
  role,
  settings,
  subscribed,
  takenOf,
  tasks,
  uses,
} from './scripted-reclaimer.ts';

let known: Knowledge;
let returned: ReturnedRoom;
let reclaimer: Reclaimer;
let nowMs: number;
let roundsAtMs: number[];
/** What `poor` does with what came back, beside telling of the agent. */
let use: () => readonly Fact[];

beforeEach(() => {
  nowMs = 0;
  roundsAtMs = [];
  use = () => [];
  returned = new ReturnedRoom();
  begin();
});

/** A full agent that `rich` holds, and `poor`, which is guaranteed two, is starved soon and demands many. */
function begin(): void {
  known = new Knowledge();
  reclaimer = new Reclaimer(known, returned);
  hear([settings(), anAgent(), subscribed('rich'), uses('rich', 10)]);
  hear([subscribed('poor', { count: 100 }), guaranteed('poor', 2)]);
}

function hear(facts: readonly Fact[]): void {
  known.hear(facts, { lastNumber: 0, nowMs });
  reclaimer.hear(facts, nowMs);
}

const free = (amount: number, id = 'a1'): Fact => ({
  kind: 'agentFree',
  agentId: agent(id),
  free: cpus(amount),
  reservations: [],
});
const offered = (amount: number): Fact => ({
  kind: 'outstanding',
  framework: ref('poor'),
  offers: amount === 0 ? 0 : 1,
  scalars: amount === 0 ? {} : { cpus: amount },
});

/** The tasks end, their room is offered to `poor`, and `rich` has whatever it does not use. */
function comesBack(effects: readonly ReclaimEffect[]): void {
  const { question } = questionOf(effects);
  const taken = takenOf(reclaimer.candidates({ question, sequence: 1, tasks: tasks(10) }, nowMs));
  if (taken.length === 0) return;
  roundsAtMs.push(nowMs);
  hear(isTaken(taken));
  const room = taken.length;
  hear([...taken.map(({ task }): Fact => ({ kind: 'revoked', task })), free(room)]);
  hear([offered(room), uses('poor', room), free(0)]);
  hear([offered(0), uses('poor', 0), free(room)]);
  hear(use());
  hear([uses('rich', 10), uses('poor', 0), free(0)]);
}

/** Everything that is due up to then. */
function run(untilMs: number): void {
  for (;;) {
    const nextMs = Math.max(nowMs + 1, reclaimer.nextWakeMs());
    if (nextMs > untilMs) break;
    nowMs = nextMs;
    const effects = reclaimer.tick(nowMs);
    if (effects.length > 0) comesBack(effects);
  }
  nowMs = untilMs;
}

describe('one that leaves unused what has come back for it', () => {
  test('is put off each time for twice as long, up to an hour: in ten minutes six rounds are taken for it, and in a day 33', () => {
    run(600_000);
    expect(roundsAtMs).toHaveLength(6);
    const waits = roundsAtMs.slice(1).map((atMs, index) => atMs - (roundsAtMs[index] ?? 0));
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(10_000 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(10_000 * 2 ** index + LOOK_MS);
    }
    run(24 * LONGEST_DELAY_MS);
    expect(roundsAtMs.length).toBeGreaterThan(24);
    expect(roundsAtMs.length).toBeLessThanOrEqual(33);
  });

  test('begins anew once it uses some of it', () => {
    run(600_000);
    const before = roundsAtMs.length;
    // It launches, and what it launched ends at once.
    use = () => [uses('poor', 1), free(1)];
    run(1_300_000);
    expect(roundsAtMs.length - before).toBeGreaterThan(100);
  });

  test('has not used it by what it launches elsewhere', () => {
    run(600_000);
    const before = roundsAtMs.length;
    use = () => [];
    for (; nowMs < 1_200_000; run(nowMs + 5000)) {
      hear([uses('poor', 1), free(0, 'a2')]);
      hear([uses('poor', 0), free(1, 'a2')]);
    }
    expect(roundsAtMs.length - before).toBeLessThanOrEqual(1);
  });

  test('is known for it after a loss of step, and after a restart has one round at once and is put off again', () => {
    run(600_000);
    returned.loseStep();
    begin();
    run(630_000);
    expect(roundsAtMs).toHaveLength(6);
    returned = new ReturnedRoom();
    begin();
    run(640_000);
    expect(roundsAtMs).toHaveLength(7);
  });

  test('does not keep another claim waiting', () => {
    run(600_000);
    hear([subscribed('other', { count: 1 }), guaranteed('other', 1)]);
    nowMs += LOOK_MS;
    expect(questionOf(reclaimer.tick(nowMs)).beneficiary.framework).toEqual(ref('other'));
  });
});

test('what was called off has not come back, so nobody is put off for it', () => {
  nowMs += LOOK_MS;
  const { question } = questionOf(reclaimer.tick(nowMs));
  const taken = takenOf(reclaimer.candidates({ question, sequence: 1, tasks: tasks(10) }, nowMs));
  hear(isTaken(taken));
  hear(taken.map(({ task }): Fact => ({ kind: 'revoked', task })));
  nowMs += LOOK_MS;
  expect(questionOf(reclaimer.tick(nowMs)).beneficiary.framework).toEqual(ref('poor'));
});

describe('on an agent of which it refuses', () => {
  const refuses = (amount: number, id = 'a1'): Fact => ({
    kind: 'refused',
    framework: ref('poor'),
    role,
    agentId: agent(id),
    resources: cpus(amount),
    refuseMs: 60_000,
  });
  const anotherAgent = (): Fact => ({ ...anAgent(), agentId: agent('a2') }) as Fact;
  const asked = (): CandidatesQuestion => {
    nowMs += LOOK_MS;
    return questionOf(reclaimer.tick(nowMs));
  };
  /** Four tasks on each of the two agents. */
  const takenOn = ({ question }: CandidatesQuestion): string[] => {
    const named = tasks(8).map((task, index) => ({
      ...task,
      agentId: agent(index < 4 ? 'a1' : 'a2'),
    }));
    const effects = reclaimer.candidates({ question, sequence: 1, tasks: named }, nowMs);
    return takenOf(effects).map(({ agentId }) => agentId);
  };

  test('whatever it may have there nothing is asked for and nothing is taken', () => {
    hear([anotherAgent(), refuses(10)]);
    const question = asked();
    expect(question.notOn).toEqual(['a1']);
    expect(takenOn(question)).toEqual(['a2', 'a2']);
  });

  test('as much as would come back nothing is taken', () => {
    hear([anotherAgent(), refuses(2)]);
    expect(takenOn(asked())).toEqual(['a2', 'a2']);
    hear([refuses(2, 'a2')]);
    nowMs += 2000;
    expect(takenOn(asked())).toEqual([]);
  });

  test('less than would come back something is taken', () => {
    hear([anotherAgent(), refuses(1)]);
    expect(takenOn(asked())).toEqual(['a1', 'a1']);
  });

  test('everything something is taken again when the refusal has ended', () => {
    hear([refuses(10)]);
    run(59_000);
    expect(roundsAtMs).toEqual([]);
    nowMs = 60_000;
    known.expire(nowMs);
    run(90_000);
    expect(roundsAtMs.length).toBeGreaterThan(0);
  });
});
