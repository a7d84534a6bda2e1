// Owns the exactness of the counts: the tasks' own commands, run here as a job runs them, give what the
// plain shell pipeline gives, on text that is meant to hurt.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesBelow } from './input-files.ts';
import { SplitReader, TEXT_START, type TextPosition } from './split-reader.ts';
import { CommonestWords, countsOf, mergeCounts } from './word-counts.ts';
import { mapCommand, partPath, reduceCommand } from './wordcount-commands.ts';

const run = promisify(execFile);
const REDUCERS = 3;
const REFERENCE = `cd "$1" && for f in *; do cat "$f"; echo; done |
LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c`;

const NASTY = {
  a: "The the THE don't caf\u00e9 na\u00efve x",
  b: Uint8Array.from([0, 65, 0, 66, 255, 254, 97, 98, 128, 10, 13, 9, 99]),
  c: '',
  d: 'endsinword',
  e: 'beginsinword\n\n\n  \n',
  'f\ng': 'in a file of an odd name',
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-wordcount-'));
  await mkdir(join(folder, 'input'));
});
afterEach(() => rm(folder, { recursive: true }));

async function command(argv: readonly string[], cwd: string): Promise<void> {
  const [program = '', ...rest] = argv;
  await run(program, rest, { cwd, maxBuffer: 1 << 26 });
}

/** Maps each split, reduces each part, merges: `word count` lines sorted by word. */
async function countByTasks(splitBytes: number): Promise<string[]> {
  const inputs = await filesBelow([Buffer.from(join(folder, 'input'))]);
  if (!inputs.ok) throw new Error(inputs.message);
  const sandboxes: string[] = [];
  let position: TextPosition | undefined = inputs.files.length > 0 ? TEXT_START : undefined;
  while (position !== undefined) {
    const reader = new SplitReader(inputs.files, position, splitBytes);
    const sandbox = join(folder, `map${sandboxes.length}`);
    await mkdir(sandbox);
    await writeFile(join(sandbox, 'split'), reader.bytes());
    await command(mapCommand(REDUCERS, 0), sandbox);
    sandboxes.push(sandbox);
    position = reader.end;
  }
  const outputs = [];
  for (let reducer = 0; reducer < REDUCERS; reducer += 1) {
    const sandbox = join(folder, `reduce${reducer}`);
    await mkdir(join(sandbox, 'maps'), { recursive: true });
    for (const [map, from] of sandboxes.entries()) {
      await copyFile(join(from, partPath(reducer)), join(sandbox, 'maps', String(map)));
    }
    await command(reduceCommand(), sandbox);
    outputs.push(countsOf(bytesOf(await readFile(join(sandbox, 'counts')))));
  }
  const lines: string[] = [];
  for await (const { word, count } of mergeCounts(outputs)) lines.push(`${word} ${count}`);
  return lines;
}

async function* bytesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 7) yield bytes.subarray(from, from + 7);
}

async function countByReference(): Promise<string[]> {
  const { stdout } = await run('sh', ['-c', REFERENCE, 'sh', join(folder, 'input')], {
    maxBuffer: 1 << 28,
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim().split(' ').reverse().join(' '));
}

async function given(files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [name, bytes] of Object.entries(files))
    await writeFile(join(folder, 'input', name), bytes);
}

describe('counts of the tasks equal those of the shell pipeline', () => {
  it('for text with NUL bytes, bytes above ASCII, no newline at the end and words next to each other', async () => {
    for (const splitBytes of [1, 5, 17, 100_000]) {
      await rm(folder, { recursive: true });
      await mkdir(join(folder, 'input'), { recursive: true });
      await given(NASTY);
      expect(await countByTasks(splitBytes)).toEqual(await countByReference());
    }
  }, 60_000);

  it('for a word of a megabyte and many distinct words', async () => {
    const letters = (value: number): string =>
      [...value.toString(26)]
        .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)))
        .join('');
    const many = Array.from({ length: 30_000 }, (_, index) => letters(index * 7919)).join(' ');
    await given({ long: `a ${'Xy'.repeat(500_000)} b`, many, more: many.toUpperCase() });
    expect(await countByTasks(200_000)).toEqual(await countByReference());
  }, 60_000);

  it('for files that hold no word at all', async () => {
    await given({ digits: '123 456\n', empty: '' });
    expect(await countByTasks(1000)).toEqual([]);
  }, 60_000);
});

it('a map whose input is missing fails and says so', async () => {
  const sandbox = join(folder, 'empty');
  await mkdir(sandbox);
  await expect(command(mapCommand(2, 0), sandbox)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('counting words failed'),
  });
});

it('the commonest words come by count, then by word', () => {
  const best = new CommonestWords(3);
  for (const [word, count] of [
    ['b', 2],
    ['a', 2],
    ['z', 9],
    ['c', 1],
    ['d', 2],
  ] as const)
    best.add({ word, count });
  expect(best.words.map(({ word }) => word)).toEqual(['z', 'a', 'b']);
});
