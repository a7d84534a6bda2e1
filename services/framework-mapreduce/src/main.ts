#!/usr/bin/env node
// Owns the process of the word count framework: arguments, signals, exit code. 0: counted; 1: the job failed or the
// cluster cannot be reached; 2: wrong arguments, inputs that cannot be read; 130: interrupted.
import { randomUUID } from 'node:crypto';
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import { WorkBucketError } from '@parley/scheduler-sdk/work-bucket';
import { readConfig, USAGE } from './config.ts';
import { UnwritableOutput } from './counts-output.ts';
import { UnreadableInput } from './input-files.ts';
import { JobReport, type ReportStyle } from './job-report.ts';
import { JobFailed } from './word-count-job.ts';
import { Interrupted, runWordCount } from './word-count-run.ts';

const EXPECTED = [SchedulerError, JobFailed, UnreadableInput, UnwritableOutput, WorkBucketError];
const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;

// Connections that cannot be closed in time must not keep the process.
process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const config = readConfig(words);
  if (!config.ok) {
    warn(`${config.failure.message}\n${USAGE}`);
    return EXIT.usage;
  }
  const style: ReportStyle = config.value.isJson ? 'json' : process.stdout.isTTY ? 'line' : 'plain';
  const report = new JobReport(style, (text) => process.stdout.write(text));
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupt.abort());
  try {
    await runWordCount(config.value, {
      report,
      nowMs: () => performance.now(),
      freshFrameworkId: () => `wordcount-${randomUUID().slice(0, 13)}`,
      warn,
      interrupt: interrupt.signal,
    });
    return 0;
  } catch (error) {
    return explainEnd(error, report);
  }
}

function explainEnd(error: unknown, report: JobReport): number {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Interrupted) {
    report.failed('interrupted', message);
    return EXIT.interrupted;
  }
  report.failed('failed', message);
  const isExpected = EXPECTED.some((kind) => error instanceof kind);
  // A defect: where it is helps more than what it says.
  warn(isExpected || !(error instanceof Error) ? message : (error.stack ?? message));
  const isInput = error instanceof UnreadableInput || error instanceof UnwritableOutput;
  return isInput ? EXIT.usage : EXIT.failed;
}

function warn(text: string): void {
  process.stderr.write(`framework-mapreduce: ${text}\n`);
}
