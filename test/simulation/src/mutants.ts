// Owns `npm run mutants`: the proof that the simulator can fail. Each patch of mutants/ makes one deliberate defect; it is
// applied to a copy of the tree, and the simulator of that copy must notice within so many seeds.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Mutant, readMutant, type Verdict, verdictOf } from './mutant.ts';
import { readMutantsConfig } from './mutants-config.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FOLDER = fileURLToPath(new URL('../mutants', import.meta.url));
const FOLDERS = ['libs', 'services', 'test'];
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** The simulator that runs now. */
let simulator: ChildProcess | undefined;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const config = readMutantsConfig(words);
  if (!config.ok) {
    process.stderr.write(`mutants: ${config.failure.message}\n`);
    return 2;
  }
  const { only, seeds, isHelp, usage } = config.value;
  if (isHelp) {
    print(usage);
    return 0;
  }
  const mutants = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.patch'))
    .sort()
    .map((file) => readMutant(basename(file, '.patch'), readFileSync(join(FOLDER, file), 'utf8')))
    .filter(({ name }) => only === undefined || name === only);
  if (mutants.length === 0) {
    process.stderr.write(`mutants: there is no mutant ${only}\n`);
    return 2;
  }
  const copy = mkdtempSync(join(tmpdir(), 'parley-mutants-'));
  // Ended by a signal, too, it leaves nothing behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      simulator?.kill('SIGKILL');
      rmSync(copy, { recursive: true, force: true });
      process.exit(1);
    });
  try {
    copyTree(copy);
    return (await hunt(copy, mutants, seeds)) ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** True when all were caught. */
async function hunt(copy: string, mutants: readonly Mutant[], seeds: number): Promise<boolean> {
  print(row('mutant', 'seeds', 'caught by'));
  let isAllCaught = true;
  for (const mutant of mutants) {
    const verdict = await huntOne(copy, mutant, seeds);
    isAllCaught &&= verdict.kind === 'caught';
    print(rowOf(mutant, verdict, seeds));
  }
  return isAllCaught;
}

async function huntOne(copy: string, { patch, scenario }: Mutant, seeds: number): Promise<Verdict> {
  const applied = git(copy, ['apply', '-'], patch);
  if (applied !== undefined) return { kind: 'stale', why: applied };
  const words = ['--from', '1', '--seeds', String(seeds), '--until-failed'];
  const { stdout, stderr } = await run(copy, [
    join(copy, 'test/simulation/src/main.ts'),
    ...words,
    ...(scenario === undefined ? [] : ['--scenario', scenario]),
  ]);
  const undone = git(copy, ['apply', '--reverse', '-'], patch);
  if (undone !== undefined) throw new Error(`a patch cannot be taken back: ${undone}`);
  return verdictOf(stdout, stderr);
}

async function run(
  cwd: string,
  words: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const started = spawn(process.execPath, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  simulator = started;
  const [stdout, stderr] = await Promise.all([
    text(started.stdout),
    text(started.stderr),
    once(started, 'close'),
  ]);
  return { stdout, stderr };
}

/** Undefined when it succeeded, else what it says. */
function git(cwd: string, words: readonly string[], input: string): string | undefined {
  // Outside of any repository a patch is applied to what lies there.
  const env = { PATH: process.env['PATH'], GIT_CEILING_DIRECTORIES: tmpdir() };
  const { status, stderr } = spawnSync('git', words, { cwd, input, env, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

/** What git knows of the tree, as it lies there; packages of others by links, our own as those of the copy. */
function copyTree(copy: string): void {
  const list = execFileSync('git', ['ls-files', '-z', ...FOLDERS, 'package.json'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  for (const file of list.split('\0').filter((name) => name !== ''))
    cpSync(join(ROOT, file), join(copy, file), { recursive: true });
  const modules = join(ROOT, 'node_modules');
  const own = join(copy, 'node_modules/@parley');
  mkdirSync(own, { recursive: true });
  for (const name of readdirSync(modules))
    if (name !== '@parley') symlinkSync(join(modules, name), join(copy, 'node_modules', name));
  for (const name of readdirSync(join(modules, '@parley')))
    symlinkSync(readlinkSync(join(modules, '@parley', name)), join(own, name));
}

function rowOf({ name, sentence }: Mutant, verdict: Verdict, seeds: number): string {
  switch (verdict.kind) {
    case 'caught':
      return row(name, String(verdict.seeds), verdict.rule);
    case 'survived':
      return row(name, `> ${seeds}`, `NOT CAUGHT: ${sentence}`);
    case 'stale':
      return row(name, '-', `THE PATCH DOES NOT APPLY ANY MORE: ${verdict.why}`);
    default:
      return row(name, '-', `THE SIMULATOR DOES NOT RUN: ${verdict.why}`);
  }
}

function row(name: string, seeds: string, rule: string): string {
  return `${name.padEnd(34)}${seeds.padStart(6)}  ${rule}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
