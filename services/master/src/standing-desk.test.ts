import { AgentId } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { reportWithinMs } from './broadcasts.ts';
import type { Message } from './reminders.ts';
import { agentId, aScriptedView, cluster, epoch } from './scripted-master.ts';
import { SETTLES_WITHIN_MS, StandingDesk } from './standing-desk.ts';

/** What is asked for. */
const isForStanding = ({ subject, bytes }: Message): boolean => {
  const message = decodeMessage(SUBJECTS.registerAgain, cluster, subject, bytes);
  if (!message.ok) throw new Error(message.failure.message);
  return message.value.body.standing === true;
};

/** Of so many agents, none of which has been heard; the books say `books` of each until told otherwise. */
function aDesk(agents: readonly AgentId[]) {
  const awaited = new Set(agents);
  const books = { standing: 'books' };
  const view = aScriptedView({
    reporters: () => agents.length,
    standingOf: () => books.standing,
  });
  const census = {
    awaits: (one: AgentId) => awaited.has(one),
    agentHeard: (one: AgentId) => void awaited.delete(one),
  };
  const desk = new StandingDesk({ cluster, epoch, view }, census);
  desk.begin(0);
  const tells = (one: AgentId, standing: string, nowMs: number): void =>
    desk.heard({ kind: 'agentAlive', agentId: one, standing }, nowMs);
  const asks = (nowMs: number) =>
    desk.takeDue(nowMs).map((one) => (isForStanding(one) ? 'standing' : 'registration'));
  return { desk, awaited, books, tells, asks };
}

const agents = Array.from({ length: 10_000 }, (_, index) => AgentId.parse(`a${index}`));

/** Standings that differ from the books, spread as the leader asks for; all messages of each 100 ms, and registrations. */
function storm(untilMs: number, differs: (index: number) => boolean) {
  const { desk, awaited, tells } = aDesk(agents);
  const eachMs = reportWithinMs(agents.length) / agents.length;
  const tell = (one: AgentId, nowMs: number): void =>
    tells(one, differs(Number(one.slice(1))) ? 'other' : 'books', nowMs);
  const asked = new Set<string>();
  const messages: number[] = [];
  let [told, registrations] = [0, 0];
  for (let nowMs = 100; nowMs <= untilMs; nowMs += 100) {
    const due = agents.slice(told, nowMs / eachMs);
    told += due.length;
    for (const one of due) tell(one, nowMs);
    let count = due.length;
    for (const { subject } of desk.takeDue(nowMs)) {
      // First for its standing, which it tells, and then to register.
      const isSecond = asked.has(subject);
      asked.add(subject);
      count += isSecond ? 3 : 2;
      if (isSecond) registrations += 1;
      else tell(AgentId.parse(/a\d+/.exec(subject.replace(/^.*agent/, ''))?.[0]), nowMs);
    }
    messages.push(count);
  }
  return { messages, registrations, heard: agents.length - awaited.size };
}

test('standings, and the requests, reports and answers of those that differ, stay below 10,000 messages in any second', () => {
  const { messages, registrations } = storm(8000, () => true);
  const seconds = messages
    .slice(0, -9)
    .map((_, at) => messages.slice(at, at + 10).reduce((sum, count) => sum + count, 0));
  expect(Math.max(...seconds)).toBeLessThanOrEqual(10_000);
  expect(registrations).toBeGreaterThan(0);
});

test('agents that say what the books say are heard and not asked', () => {
  const { registrations, heard } = storm(10_000, (index) => index % 100 === 0);
  expect(heard).toBe(9900);
  expect(registrations).toBe(100);
});

test('an agent whose task has ended while nobody led is heard when the books have learnt of it, and not asked for anything', () => {
  const { awaited, books, tells, asks } = aDesk([agentId]);
  tells(agentId, 'after the end', 0);
  expect(asks(SETTLES_WITHIN_MS - 1)).toEqual([]);
  books.standing = 'after the end';
  expect(awaited.size).toBe(1);
  expect(asks(SETTLES_WITHIN_MS)).toEqual([]);
  expect(awaited.size).toBe(0);
});

test('an agent that an order reaches meanwhile is asked for its standing once more, and is heard by that', () => {
  const { awaited, books, tells, asks } = aDesk([agentId]);
  tells(agentId, 'before the order', 0);
  books.standing = 'after the order';
  expect(asks(SETTLES_WITHIN_MS)).toEqual(['standing']);
  tells(agentId, 'after the order', SETTLES_WITHIN_MS + 1);
  expect(awaited.size).toBe(0);
  expect(asks(10 * SETTLES_WITHIN_MS)).toEqual([]);
});

test('an agent that differs a second time as long is asked to register, however often it speaks; an answer that is lost comes with its next heartbeat', () => {
  const { tells, asks } = aDesk([agentId]);
  for (let nowMs = 0; nowMs < SETTLES_WITHIN_MS; nowMs += 100) {
    tells(agentId, 'other', nowMs);
    expect(asks(nowMs)).toEqual([]);
  }
  expect(asks(SETTLES_WITHIN_MS)).toEqual(['standing']);
  expect(asks(5 * SETTLES_WITHIN_MS)).toEqual([]);
  tells(agentId, 'other', 5 * SETTLES_WITHIN_MS);
  expect(asks(6 * SETTLES_WITHIN_MS - 1)).toEqual([]);
  expect(asks(6 * SETTLES_WITHIN_MS)).toEqual(['registration']);
  expect(asks(60 * SETTLES_WITHIN_MS)).toEqual([]);
});
