// Tests that the allocator, through random histories, decides as the slow reference does, stays within what is free,
// wanted, needed and allowed, and leaves nothing that somebody would take.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AllocatorHistory } from './allocator-history.ts';
import { ALL_KINDS, PLAIN_KINDS, SHARING_KINDS, type Step } from './history-steps.ts';

const stepOf = (kinds: readonly Step['kind'][]): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    who: fc.nat({ max: 9 }),
    cpus: fc.integer({ min: 0, max: 8 }),
    mem: fc.integer({ min: 0, max: 800 }),
    count: fc.integer({ min: 0, max: 9 }),
    durationMs: fc.integer({ min: 1, max: 4000 }),
  });

/** Enough that most steps meet something to change. */
const BEGINNING = (
  [
    { kind: 'agent', who: 0, cpus: 8, mem: 800 },
    { kind: 'agent', who: 1, cpus: 5, mem: 700 },
    { kind: 'subscribe', who: 0 },
    { kind: 'subscribeInTwoRoles', who: 1 },
    { kind: 'subscribe', who: 2 },
  ] as const
).map(aStep);

const stepsOf = (kinds: readonly Step['kind'][]): fc.Arbitrary<Step[]> =>
  fc.array(stepOf(kinds), { maxLength: 50, size: 'max' }).map((steps) => [...BEGINNING, ...steps]);

function aStep(step: Partial<Step> & Pick<Step, 'kind'>): Step {
  return { who: 0, cpus: 0, mem: 0, count: 0, durationMs: 1, ...step };
}

/** They take a few seconds on a quiet machine, and ten times that on a busy one. */
const TIMEOUT_MS = 120_000;

test(
  'whoever is offered is next by the slow reference and gets just what comes to him, and nothing is left that somebody would take',
  () => {
    fc.assert(
      fc.property(fc.integer(), stepsOf(PLAIN_KINDS), (seed, steps) => {
        const history = new AllocatorHistory(seed, 'each');
        for (const step of steps) history.apply(step);
      }),
      {
        numRuns: 150,
        // A filter that ended while the run after the refusal was under way.
        examples: [
          [
            0,
            [
              aStep({ kind: 'agent', cpus: 1, mem: 32 }),
              aStep({ kind: 'subscribe' }),
              aStep({ kind: 'refuse', durationMs: 3 }),
            ],
          ],
          // A question for tasks to take back, which comes while filters are under way, ends none of them.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'launch' }),
              aStep({ kind: 'setShares', who: 5, mem: 1 }),
              aStep({ kind: 'agentWithReservation', who: 6, mem: 3 }),
              aStep({ kind: 'refuse', who: 5, durationMs: 964 }),
              aStep({ kind: 'setRole', mem: 571 }),
              aStep({ kind: 'expire', who: 7 }),
              aStep({ kind: 'wait', durationMs: 938 }),
            ],
          ],
          // Likewise, while it is somebody else who is next.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'launch' }),
              aStep({ kind: 'lose' }),
              aStep({ kind: 'wait', durationMs: 948 }),
              aStep({ kind: 'agent' }),
              aStep({ kind: 'agent', who: 2, cpus: 1, mem: 32 }),
              aStep({ kind: 'setShares', who: 2, mem: 237 }),
              aStep({ kind: 'agent' }),
              aStep({ kind: 'refuse', who: 1, durationMs: 26 }),
              aStep({ kind: 'agent' }),
              aStep({ kind: 'agent' }),
              aStep({ kind: 'agent' }),
              aStep({ kind: 'refuse', who: 3, durationMs: 3 }),
            ],
          ],
          // A framework that leaves the guarantee of its role to the others of the role.
          [
            -182377024,
            [
              ...BEGINNING,
              aStep({ kind: 'setRole', who: 2, cpus: 5 }),
              aStep({ kind: 'reclaim', who: 3 }),
              aStep({ kind: 'setShares', who: 6, cpus: 1 }),
              aStep({ kind: 'suppress', who: 6 }),
              aStep({ kind: 'refuse' }),
              aStep({ kind: 'disconnect', who: 2 }),
            ],
          ],
          // Whoever takes what is reserved leaves more to others, of what was held back for him.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'setRole', mem: 21 }),
              aStep({ kind: 'expire' }),
              aStep({ kind: 'reclaim', who: 3 }),
              aStep({ kind: 'subscribe', who: 7 }),
              aStep({ kind: 'setRole', who: 6, mem: 331, count: 2 }),
              aStep({ kind: 'agentWithReservation', who: 4, cpus: 2, mem: 363 }),
            ],
          ],
          // What one that stood back is given leaves more for others than was held back before.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'setRole', who: 6, cpus: 2 }),
              aStep({ kind: 'subscribeInTwoRoles', who: 6 }),
              aStep({ kind: 'setShares', who: 2, cpus: 5, count: 2 }),
              aStep({ kind: 'launch', who: 3 }),
              aStep({ kind: 'setRole', who: 3, cpus: 2, count: 4 }),
              aStep({ kind: 'expire' }),
              aStep({ kind: 'reclaim', who: 1 }),
              aStep({ kind: 'expire' }),
            ],
          ],
        ],
      },
    );
  },
  TIMEOUT_MS,
);

test(
  'with demands and caps, too, it never proposes more than is free, to suppressed roles, beyond open needs, a limit or a cap',
  () => {
    fc.assert(
      fc.property(fc.integer(), stepsOf(ALL_KINDS), (seed, steps) => {
        const history = new AllocatorHistory(seed, 'not');
        for (const step of steps) history.apply(step);
        expect(history.master.agents.size).toBeLessThanOrEqual(10);
      }),
      {
        numRuns: 300,
        // A limit of offers that is known before what is outstanding, as in a snapshot.
        examples: [
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'subscribe', who: 5 }),
              aStep({ kind: 'suppress', who: 5 }),
              aStep({ kind: 'needNothing', who: 6 }),
              aStep({ kind: 'refuse', durationMs: 8 }),
              aStep({ kind: 'limitOffers', count: 5 }),
              aStep({ kind: 'lose' }),
              aStep({ kind: 'launch' }),
            ],
          ],
          // A question for tasks to take back, which comes while filters are under way, ends none of them.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'subscribeInTwoRoles', who: 3 }),
              aStep({ kind: 'launch' }),
              aStep({ kind: 'setRole', mem: 159 }),
              aStep({ kind: 'expire' }),
              aStep({ kind: 'refuse', durationMs: 964 }),
              aStep({ kind: 'wait', durationMs: 943 }),
              aStep({ kind: 'refuse', durationMs: 8 }),
            ],
          ],
          // As many as the cap allows are refused, and more are allowed once an offer is answered.
          [
            0,
            [
              ...BEGINNING,
              aStep({ kind: 'launch' }),
              aStep({ kind: 'expire' }),
              aStep({ kind: 'disconnect', who: 5 }),
              aStep({ kind: 'agent', who: 2, cpus: 1, mem: 32 }),
              aStep({ kind: 'refuse', who: 7, durationMs: 3 }),
              aStep({ kind: 'need', count: 3 }),
              aStep({ kind: 'cap', who: 4 }),
              aStep({ kind: 'agent', who: 3, cpus: 1, mem: 314 }),
              aStep({ kind: 'end', cpus: 3, mem: 159 }),
              aStep({ kind: 'refuse', who: 3, durationMs: 13 }),
              aStep({ kind: 'launch', who: 4 }),
            ],
          ],
        ],
      },
    );
  },
  TIMEOUT_MS,
);

test(
  'an agent is divided task by task, each given to whoever is next by the slow reference',
  () => {
    fc.assert(
      fc.property(fc.integer(), stepsOf(SHARING_KINDS), (seed, steps) => {
        const history = new AllocatorHistory(seed, 'together');
        for (const step of steps) history.apply(step);
        expect(history.master.agents.size).toBeLessThanOrEqual(10);
      }),
      { numRuns: 200 },
    );
  },
  TIMEOUT_MS,
);
