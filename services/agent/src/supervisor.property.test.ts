// What holds for a supervisor whatever happens in whatever order: deaths of its process between any two effects,
// lost answers, a full disk, repeated orders.
import { nextTaskState } from '@parley/lifecycle/transitions';
import { TaskState } from '@parley/protocol/tasks';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTerminalName, SupervisorWorld } from './supervisor-world.ts';
import { groupKeys, keyOf, TASKS } from './supervisor-world-tasks.ts';
import type { ObservedOutcome } from './task-outcome.ts';

type Event = (world: SupervisorWorld) => void;

const index = fc.nat({ max: TASKS - 1 });
const outcome = fc.constantFrom<ObservedOutcome>(
  { state: 'exited', code: 0 },
  { state: 'exited', code: 1 },
  { state: 'signaled', signal: 'SIGSEGV' },
  { state: 'memoryLimit', limitMib: 32, peakMib: 32 },
  { state: 'unknown' },
);

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(fc.nat({ max: 30 }), fc.integer({ min: 0, max: 4 })).map(
      ([place, luck]): Event =>
        (world) =>
          world.work(place, luck > 0),
    ),
  },
  {
    weight: 4,
    arbitrary: index.map(
      (task): Event =>
        (world) =>
          world.order('run', task),
    ),
  },
  {
    weight: 1,
    arbitrary: index.map(
      (task): Event =>
        (world) =>
          world.order('kill', task),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(index, outcome).map(
      ([task, how]): Event =>
        (world) =>
          world.end(task, how),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(10, 600, 3000).map(
      (durationMs): Event =>
        (world) =>
          world.pass(durationMs),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Event>((world) => world.watermark()) },
  { weight: 1, arbitrary: fc.constant<Event>((world) => world.crash()) },
  { weight: 1, arbitrary: fc.constant<Event>((world) => world.newTerm()) },
  { weight: 1, arbitrary: fc.constant<Event>((world) => world.send({ kind: 'connected' })) },
  { weight: 1, arbitrary: fc.constant<Event>((world) => world.send({ kind: 'disconnected' })) },
);
const story = fc.array(event, { minLength: 20, maxLength: 150 });

function play(diskMayFail: boolean, events: readonly Event[]): SupervisorWorld {
  const world = new SupervisorWorld(diskMayFail);
  world.send({ kind: 'connected' });
  for (const happen of events) {
    happen(world);
    expect(world.overdue()).toEqual([]);
    expect(world.survivors()).toEqual([]);
  }
  world.settle();
  return world;
}

/** Launches are checked by the world as they happen. */
function expectOneEndEach(world: SupervisorWorld): void {
  for (const task of world.accepted) {
    const { states } = world.history(task);
    expect(states.filter(isTerminalName), task).toHaveLength(1);
  }
  expect([...world.disk.keys()]).toEqual([]);
  expect([...world.supervisor.tasks()]).toEqual([]);
}

/** Every task of it has ended, or none was accepted; what ended otherwise than well did not end alone. */
function expectOneEndOfGroup(world: SupervisorWorld): void {
  const ends = groupKeys.map((task) => world.history(task).states.find(isTerminalName));
  const isWhole =
    ends.every((end) => end !== undefined) || !groupKeys.some((task) => world.accepted.has(task));
  expect(isWhole, ends.join(' ')).toBe(true);
}

test('a task is never launched twice, every accepted one ends in exactly one terminal update, and a group as a whole', () => {
  fc.assert(
    fc.property(story, (events) => {
      const world = play(false, events);
      expectOneEndEach(world);
      expectOneEndOfGroup(world);
      for (let task = 0; task < TASKS; task += 1) {
        const { states, conflicts } = world.history(keyOf(task));
        expect(conflicts).toBe(0);
        let state: TaskState | undefined = 'staging';
        for (const next of states) {
          state = nextTaskState(state ?? 'gone', `agent.${TaskState.parse(next)}`);
          expect(state, `${keyOf(task)}: ${states.join(' ')}`).toBe(next);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

/** The record of a kill is on its way when that of the order before it fails; the order comes again, then a crash. */
const killOnItsWay: readonly Event[] = [
  (world) => world.work(0, true),
  (world) => world.order('run', 1),
  (world) => world.order('kill', 1),
  (world) => world.work(0, false),
  (world) => world.order('run', 1),
  (world) => world.work(0, true),
  ...[5, 2].map(
    (place): Event =>
      (world) =>
        world.work(place, true),
  ),
  (world) => world.crash(),
];

test('the same holds on a disk that is full now and then', () => {
  fc.assert(
    fc.property(story, (events) => expectOneEndEach(play(true, events))),
    { numRuns: 1000, examples: [[[...killOnItsWay]]] },
  );
});
