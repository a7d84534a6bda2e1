// Tests that slices weigh as much as what runs in them, with a launcher that only writes down what is set.
import { beforeEach, expect, it, vi } from 'vitest';
import type { LaunchRequest, TaskLauncher } from './launcher.ts';
import { type ScopeTaskLauncher, weighSlices } from './slice-weights.ts';
import { sliceOf } from './unit-name.ts';
import type { SliceShare } from './unit-properties.ts';

vi.useFakeTimers();

let set = new Map<string, number>();
let memory = new Map<string, number>();
let times = 0;
let isDown = false;
let live = new Map<string, SliceShare>();
/** Scopes that are in no slice of tasks. */
let others: string[] = [];
let asked = 0;
let exit: (unit: string) => void = () => undefined;
let launcher: TaskLauncher;

beforeEach(() => {
  set = new Map();
  memory = new Map();
  times = 0;
  isDown = false;
  live = new Map();
  others = [];
  asked = 0;
  launcher = weighSlices((onShimExit): ScopeTaskLauncher => {
    exit = onShimExit;
    return {
      launch: async () => ({ ok: true, alreadyStarted: false }),
      stop: async () => true,
      setLimits: async () => true,
      list: async () => new Set([...live.keys(), ...others]),
      inspect: async () => ({ alive: true, result: undefined }),
      listShares: async () => {
        asked += 1;
        return live;
      },
      setSliceShare: async (slice, { cpuMillis, memoryMib }) => {
        if (isDown) throw new Error('systemd is away');
        memory.set(slice, memoryMib);
        if (cpuMillis === undefined) return;
        times += 1;
        set.set(slice, cpuMillis);
      },
    };
  });
});

/** Names of units that share a slice. */
const [one = '', two = '', three = ''] = Array.from({ length: 500 }, (_, n) => `unit-${n}`).filter(
  (unit) => sliceOf(unit) === sliceOf('unit-0'),
);
const slice = sliceOf(one);
const elsewhere = Array.from({ length: 100 }, (_, n) => `other-${n}`).find(
  (unit) => sliceOf(unit) !== slice,
);

const launch = (unit: string, cpuMillis: number) =>
  launcher.launch({ unit, limits: { cpuMillis, memoryMib: cpuMillis } } as LaunchRequest);
const settle = () => vi.advanceTimersByTimeAsync(1000);

it('a slice weighs what its tasks requested together, and less when one has ended', async () => {
  await launch(one, 500);
  await launch(two, 1500);
  await launch(elsewhere ?? '', 100);
  await settle();
  expect(set).toEqual(
    new Map([
      [slice, 2000],
      [sliceOf(elsewhere ?? ''), 100],
    ]),
  );
  exit(two);
  await settle();
  expect(set.get(slice)).toBe(500);
});

it('memory is kept for all tasks in the slices above theirs, which weigh what they did', async () => {
  await launch(one, 500);
  await launch(elsewhere ?? '', 100);
  await settle();
  expect([...memory].sort()).toEqual(
    [
      ...[
        ['parley.slice', 600],
        ['parley-tasks.slice', 600],
      ],
      ...[
        [slice, 500],
        [sliceOf(elsewhere ?? ''), 100],
      ],
    ].sort(),
  );
});

it('a burst of launches is one change, and what hardly differs is none', async () => {
  await launch(one, 500);
  await launch(two, 1500);
  await settle();
  expect(times).toBe(1);
  await launch(three, 50);
  await settle();
  expect(times).toBe(1);
});

it('a slice that was empty is weighed anew: systemd may have dropped it', async () => {
  await launch(one, 500);
  await settle();
  set.clear();
  exit(one);
  await launch(two, 500);
  await settle();
  expect(set.get(slice)).toBe(500);
});

it('other limits of a task that runs count at once', async () => {
  await launch(one, 500);
  await settle();
  await launcher.setLimits(one, { cpuMillis: 3000, memoryMib: 32 });
  await settle();
  expect(set.get(slice)).toBe(3000);
});

it('what an earlier process launched counts from the first listing on, until it is not listed', async () => {
  live = new Map([[two, { cpuMillis: 700, memoryMib: 0 }]]);
  await launcher.list();
  await launch(one, 300);
  await settle();
  expect(set.get(slice)).toBe(1000);
  live = new Map([[one, { cpuMillis: 300, memoryMib: 0 }]]);
  await launcher.list();
  await settle();
  expect(set.get(slice)).toBe(300);
});

it('what could not be set is set with the next change', async () => {
  isDown = true;
  await launch(one, 500);
  await settle();
  isDown = false;
  await launch(two, 10);
  await settle();
  expect(set.get(slice)).toBe(510);
});

it('what each scope was given is asked only when there is one that was not launched here, and no other is listed', async () => {
  others = ['init', 'session-1'];
  await launch(one, 500);
  live = new Map([[one, { cpuMillis: 500, memoryMib: 500 }]]);
  expect(await launcher.list()).toEqual(new Set([one]));
  expect(await launcher.list()).toEqual(new Set([one]));
  expect(asked).toBe(1);
  live = new Map([...live, [two, { cpuMillis: 700, memoryMib: 700 }]]);
  expect(await launcher.list()).toEqual(new Set([one, two]));
  expect(asked).toBe(2);
  await settle();
  expect(set.get(slice)).toBe(1200);
  live.delete(two);
  expect(await launcher.list()).toEqual(new Set([one]));
  await settle();
  expect(set.get(slice)).toBe(500);
  expect(asked).toBe(2);
});

it('a unit that had ended while its scopes were looked at is listed when it runs again', async () => {
  others = [one];
  expect(await launcher.list()).toEqual(new Set());
  others = [];
  await launch(one, 500);
  live = new Map([[one, { cpuMillis: 500, memoryMib: 500 }]]);
  expect(await launcher.list()).toEqual(new Set([one]));
});
