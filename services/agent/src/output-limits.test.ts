// Tests of what stays on the disk of what a task writes, on real files.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readFirstKept } from '@parley/isolation/kept-output';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputLimits, type OutputLimitsOptions } from './output-limits.ts';

const MIB = 1024 * 1024;
const LIMIT = 2 * MIB;
let run: string;
let file: string;
let troubles: string[];
let running: string[];
let nowMs: number;

beforeEach(() => {
  run = mkdtempSync(path.join(tmpdir(), 'parley-output-'));
  file = path.join(run, 'stdout');
  troubles = [];
  running = [run];
  nowMs = 0;
  appendFileSync(file, '');
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

const limits = (changes: Partial<OutputLimitsOptions> = {}): OutputLimits =>
  new OutputLimits({
    limitBytes: LIMIT,
    runs: () => running,
    nowMs: () => nowMs,
    onTrouble: (what) => troubles.push(what),
    ...changes,
  });

/** Lines of 16 bytes, numbered. */
function write(from: number, bytes: number): number {
  const count = bytes / 16;
  const lines = Array.from(
    { length: count },
    (_, index) => `${String(from + index).padStart(15)}\n`,
  );
  appendFileSync(file, lines.join(''));
  return from + count;
}

async function look(output: OutputLimits): Promise<void> {
  nowMs += 1000;
  await output.look();
}

const blockBytes = (): number => statSync(file).blocks * 512;

test('the newest part stays, at its offsets, and what is kept is told', async () => {
  const output = limits();
  await look(output);
  let next = write(0, 3 * MIB);
  await look(output);
  next = write(next, MIB);
  await look(output);
  expect(statSync(file).size).toBe(4 * MIB);
  expect(blockBytes()).toBeLessThanOrEqual(LIMIT);
  const first = await readFirstKept(run, 'stdout');
  const text = readFileSync(file);
  expect(text.subarray(first).toString()).toContain(`${String(next - 1).padStart(15)}\n`);
  expect(text.subarray(first, first + 16).toString()).toBe(`${String(first / 16).padStart(15)}\n`);
  expect(4 * MIB - first).toBeGreaterThanOrEqual((LIMIT * 7) / 8);
  expect(text.subarray(0, first).every((byte) => byte === 0)).toBe(true);
  expect(troubles).toEqual([]);
});

test('what is not beyond the limit is left alone', async () => {
  const output = limits();
  write(0, LIMIT);
  await look(output);
  expect(await readFirstKept(run, 'stdout')).toBe(0);
  const none = limits({ limitBytes: 0 });
  write(0, LIMIT);
  await look(none);
  expect(blockBytes()).toBe(2 * LIMIT);
});

test('an output that the task empties begins anew', async () => {
  const output = limits();
  write(0, 3 * MIB);
  await look(output);
  truncateSync(file, 0);
  write(0, MIB);
  await look(output);
  expect(await readFirstKept(run, 'stdout')).toBe(0);
});

test('what was written just before the end is cut too, and another process goes on where the first was', async () => {
  write(0, 3 * MIB);
  await look(limits());
  const before = await readFirstKept(run, 'stdout');
  const output = limits();
  await look(output);
  write(0, 3 * MIB);
  running = [];
  await look(output);
  expect(blockBytes()).toBeLessThanOrEqual(LIMIT);
  expect(await readFirstKept(run, 'stdout')).toBeGreaterThan(before);
});

test('where no part can be given back, all of it is, and that is said', async () => {
  const output = limits({ punch: async () => 'Operation not supported' });
  write(0, 3 * MIB);
  await look(output);
  expect(statSync(file).size).toBe(0);
  expect(await readFirstKept(run, 'stdout')).toBe(0);
  expect(troubles).toEqual([
    expect.stringContaining('(Operation not supported)'),
    expect.stringContaining('was emptied at 3145728 bytes'),
  ]);
});

test('a try that fails for now is made again, and costs no output anything', async () => {
  const why = ['No space left on device', 'fork failed', undefined];
  const output = limits({ punch: async () => why.shift() });
  const next = write(0, 3 * MIB);
  for (const _ of [1, 2]) await look(output);
  expect(readFileSync(file).length).toBe(3 * MIB);
  expect(await readFirstKept(run, 'stdout')).toBe(0);
  await look(output);
  expect(await readFirstKept(run, 'stdout')).toBeGreaterThan(0);
  expect(readFileSync(file).toString()).toContain(`${String(next - 1).padStart(15)}\n`);
  expect(troubles).toEqual([
    expect.stringContaining('could not be given back now: No space left'),
    expect.stringContaining('could not be given back now: fork failed'),
  ]);
});

test('an output stays bounded though giving back fails for long, and no other is emptied for that', async () => {
  const healthy = mkdtempSync(path.join(tmpdir(), 'parley-output-'));
  try {
    const broken = file;
    running.push(healthy);
    const punch = async (of: string) => (of === broken ? 'timed out' : undefined);
    const output = limits({ punch });
    write(0, 3 * MIB);
    for (let tries = 0; tries < 30; tries += 1) await look(output);
    expect(statSync(broken).size).toBe(0);
    file = path.join(healthy, 'stdout');
    write(0, 3 * MIB);
    await look(output);
    expect(statSync(file).size).toBe(3 * MIB);
  } finally {
    rmSync(healthy, { recursive: true });
  }
});

test('a run whose output is gone, or is no file, harms nobody', async () => {
  rmSync(file);
  mkdirSync(file);
  running.push(`${run}-gone`);
  await look(limits());
  expect(troubles).toEqual([]);
});

test('an output that was quiet for long is looked at less often, and at once by who asks for all', async () => {
  const output = limits();
  for (let second = 0; second < 10; second += 1) await look(output);
  write(0, 3 * MIB);
  nowMs += 100;
  await output.look();
  expect(blockBytes()).toBeGreaterThanOrEqual(3 * MIB);
  await output.look(true);
  expect(blockBytes()).toBeLessThanOrEqual(LIMIT);
});

test('what ran for less time than passes between two looks is cut when it has ended', async () => {
  const output = limits();
  running = [];
  await look(output);
  write(0, 3 * MIB);
  await output.ended(run);
  expect(blockBytes()).toBeLessThanOrEqual(LIMIT);
});
