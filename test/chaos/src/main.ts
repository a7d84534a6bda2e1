// Owns `npm run chaos`: makes the hosts of a run, lets it run on one of them, and removes everything at the end, however it
// ends; also what an earlier run left that was killed. The run itself is lab-process.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { unreachable } from '@parley/protocol/unreachable';
import { findFaketime } from '@parley/setup/chaos-tools';
import { locateNatsServer } from '@parley/setup/nats-server';
import { type RunConfig, readConfig, USAGE } from './config.ts';
import { whatIsMissing } from './host-check.ts';
import { LAB, layoutOf } from './layout.ts';
import { enterHost, makeNetwork } from './network.ts';
import { beginRun, endRun, type RunRecord, removeLeftovers } from './run-record.ts';

const LAB_PROCESS = fileURLToPath(new URL('lab-process.ts', import.meta.url));
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const EXIT = { broken: 1, usage: 2, cannot: 3 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const config = readConfig(words);
  if (!config.ok) {
    process.stderr.write(`chaos: ${config.failure.message}\n`);
    return EXIT.usage;
  }
  switch (config.value.kind) {
    case 'help':
      print(USAGE);
      return 0;
    case 'run':
      return runOnThisHost(config.value);
    default:
      return unreachable(config.value);
  }
}

async function runOnThisHost(config: RunConfig): Promise<number> {
  const missing = await whatIsMissing();
  const faketime = findFaketime();
  if (missing !== undefined || faketime === undefined) {
    process.stderr.write(`chaos: this host cannot run it: ${missing}\n`);
    return EXIT.cannot;
  }
  await locateNatsServer();
  for (const run of await removeLeftovers()) print(`removed what run ${run} had left`);
  const interruption = watchSignals();
  const record = await beginRun();
  let exitCode: number = EXIT.broken;
  try {
    await makeNetwork(record.run, layoutOf(record.run, config.agents));
    if (interruption.exitCode === undefined) {
      exitCode = await runLab(startLab(config, record, faketime), interruption);
    }
    exitCode = interruption.exitCode ?? exitCode;
  } finally {
    await endRun(record, config.keep || exitCode === EXIT.broken);
  }
  if (exitCode === EXIT.broken) print(`again with: npm run chaos -- ${argumentsOf(config)}`);
  if (config.keep || exitCode === EXIT.broken)
    print(`plan, logs, diaries and traces: ${record.directory}`);
  return exitCode;
}

function startLab(config: RunConfig, record: RunRecord, faketime: string): ChildProcess {
  const options = JSON.stringify({ ...config, ...record, faketime });
  const enter = enterHost(record.run, LAB);
  const [program = '', ...rest] = [...enter, process.execPath, LAB_PROCESS, options];
  // In a session of its own: a Ctrl-C is this process's to handle. It ends when its standard input does.
  return spawn(program, rest, { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
}

async function runLab(lab: ChildProcess, interruption: Interruption): Promise<number> {
  interruption.lab = lab;
  const [code] = await once(lab, 'exit');
  return code === 0 ? 0 : EXIT.broken;
}

/** What this process was told to end by, as an exit code; the lab is ended with it. */
type Interruption = { exitCode: number | undefined; lab: ChildProcess | undefined };

function watchSignals(): Interruption {
  const interruption: Interruption = { exitCode: undefined, lab: undefined };
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      interruption.exitCode = exitCode;
      interruption.lab?.kill('SIGKILL');
    });
  }
  return interruption;
}

function argumentsOf({ seed, faultsMs, agents }: RunConfig): string {
  return `--seed ${seed} --minutes ${faultsMs / 60_000} --agents ${agents}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
