// What `npm test`, `npm run test:quick` and `npm run test:long` run: the stages of a suite one after another, a line for
// each with its time, the whole output of one that fails, and a closing count. It decides nothing about
// what a stage runs (test-stages.ts) or what its result means (test-report.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CACHE_VARIABLE, fillCompileCache } from './compile-cache.ts';
import { locateNatsServer } from './nats-server.mjs';
import { MAX_SEED, parseSeed, SEED_VARIABLE, seedOf } from './property-seed.ts';
import {
  closingLine,
  outcomeOfCheck,
  outcomeOfVitest,
  type StageResult,
  stageLines,
} from './test-report.ts';
import { type Stage, SUITES, selectStages, stageNames } from './test-stages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TERMINATION_GRACE_MS = 10_000;
/** In the folder of a run: what its processes have compiled. */
const COMPILED = 'compiled';

/** Below are the seeds of the tests that a change waits for. */
const FIRST_DRAWN_SEED = 1000;

/** What the stages of one run have in common. */
type Run = { readonly reportDir: string; readonly seed: number };
type Finished = { readonly exitCode: number; readonly output: string };

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runStage(stage: Stage, { reportDir, seed }: Run): Promise<StageResult> {
  if (stage.needsCompatibilityServer) await locateNatsServer({ tier: 'compatibility', log: print });
  const reportPath = join(reportDir, 'report.json');
  rmSync(reportPath, { force: true });
  const startedAtMs = performance.now();
  if (stage.startsServices) await fillCompileCache(root, join(reportDir, COMPILED));
  const { exitCode, output } = await runCommand(stage, { reportDir, reportPath, seed });
  const elapsedMs = performance.now() - startedAtMs;
  const outcome =
    stage.kind === 'check'
      ? outcomeOfCheck(exitCode)
      : outcomeOfVitest(readIfPresent(reportPath), exitCode);
  const result = { name: stage.name, elapsedMs, ...outcome };
  if (result.failed > 0) print(`\n--- ${stage.command.join(' ')}\n${output}\n---`);
  for (const line of stageLines(result)) print(line);
  return result;
}

/** Runs the command of a stage in a process group of its own, so that ending it ends what it started too. */
function runCommand(
  stage: Stage,
  { reportDir, reportPath, seed }: Run & { readonly reportPath: string },
): Promise<Finished> {
  const [command = '', ...args] = stage.command;
  const reporters =
    stage.kind === 'vitest'
      ? ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`]
      : [];
  const child = spawn(join(root, 'node_modules', '.bin', command), [...args, ...reporters], {
    cwd: root,
    env: {
      ...process.env,
      ...stage.env,
      ...colorEnv(),
      [SEED_VARIABLE]: String(seed),
      [CACHE_VARIABLE]: join(reportDir, COMPILED),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => chunks.push(text));
  }
  return new Promise((resolve) => {
    const endGroup = () => terminateGroup(child);
    const onLimit = () => {
      chunks.push(`\nended after ${stage.limitMs / 60_000} minutes, the limit of this stage\n`);
      endGroup();
    };
    const limit = setTimeout(onLimit, stage.limitMs);
    const finish = (exitCode: number) => {
      clearTimeout(limit);
      process.off('exit', endGroup);
      resolve({ exitCode, output: chunks.join('') });
    };
    process.on('exit', endGroup);
    child.on('error', (error) => {
      chunks.push(`${error.message}\n`);
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 1));
  });
}

/** The output of a stage goes through a pipe; what it may look like depends on where this process writes. */
function colorEnv(): Readonly<Record<string, string>> {
  return process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1', FORCE_COLOR: '0' };
}

function terminateGroup(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null) return;
  signalGroup(pid, 'SIGTERM');
  setTimeout(() => signalGroup(pid, 'SIGKILL'), TERMINATION_GRACE_MS).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended by itself in between, which is what was wanted.
  }
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readArguments(): { readonly stages: readonly Stage[]; readonly seed: number } {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string', default: 'all' },
      stage: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const { suite, stage } = values;
  const chosen = selectStages(suite, stage);
  if (chosen !== undefined) return { stages: chosen, seed: chooseSeed(suite, values.seed) };
  const asked = stage === undefined ? `suite "${suite}"` : `stage "${stage}"`;
  print(`there is no ${asked}`);
  print(`stages: ${stageNames().join(', ')}; suites: ${Object.keys(SUITES).join(', ')}`);
  process.exit(2);
}

/** The long suite draws one, unless it is told; the others have one that stays the same. */
function chooseSeed(suite: string, told: string | undefined): number {
  try {
    if (told !== undefined) return parseSeed(told);
    const isDrawn = suite === 'long' && process.env[SEED_VARIABLE] === undefined;
    return isDrawn ? randomInt(FIRST_DRAWN_SEED, MAX_SEED) : seedOf(process.env);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

async function main(): Promise<void> {
  const { stages, seed } = readArguments();
  if (seed !== seedOf({})) print(`drawn from seed ${seed}; again with \`-- --seed ${seed}\``);
  const reportDir = mkdtempSync(join(tmpdir(), 'parley-tests-'));
  process.on('exit', () => rmSync(reportDir, { recursive: true, force: true }));
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
  const results: StageResult[] = [];
  for (const stage of stages) results.push(await runStage(stage, { reportDir, seed }));
  print('');
  print(closingLine(results));
  process.exitCode = results.some((result) => result.failed > 0) ? 1 : 0;
}

await main();
