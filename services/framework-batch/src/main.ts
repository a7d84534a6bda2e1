#!/usr/bin/env node
// Owns the process of the batch framework: arguments, signals, exit code. 0: every run finished; 1: some failed, or
// the cluster cannot be reached; 2: wrong arguments; 130: interrupted.
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import { BatchReport, type ReportStyle } from './batch-report.ts';
import { runBatch } from './batch-run.ts';
import { readConfig, USAGE } from './config.ts';

// A connection that is still being made must not keep the process.
process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  if (words[0] === '--help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const config = readConfig(words);
  if (!config.ok) return complain(2, `${config.failure.message}\n${USAGE}`);
  const { isJson, instances } = config.value;
  const style: ReportStyle = isJson ? 'json' : process.stdout.isTTY ? 'line' : 'plain';
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupt.abort());
  try {
    return await runBatch(config.value, {
      report: new BatchReport(style, instances, (text) => process.stdout.write(text)),
      nowMs: () => performance.now(),
      warn: (text) => process.stderr.write(`framework-batch: ${text}\n`),
      interrupt: interrupt.signal,
    });
  } catch (error) {
    if (error instanceof SchedulerError) return complain(1, error.message);
    throw error;
  }
}

function complain(exitCode: number, message: string): number {
  process.stderr.write(`framework-batch: ${message}\n`);
  return exitCode;
}
