#!/usr/bin/env node
// Owns the process of a word count: arguments, signals, exit code. 0: counted; 1: the job failed or the cluster cannot be
// reached; 2: wrong arguments or an input that cannot be read; 130: interrupted.
import { randomBytes } from 'node:crypto';
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import { WorkBucketError } from '@parley/scheduler-sdk/work-bucket';
import { readConfig, USAGE, type WordCountConfig } from './config.ts';
import { filesBelow, filesOfList, type InputFile } from './input-files.ts';
import { JobReport, type ReportStyle } from './job-report.ts';
import { countWords, JobFailed, JobInterrupted } from './word-count-job.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  if (words[0] === '--help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const config = readConfig(words);
  if (!config.ok) return complain(2, `${config.failure.message}\n${USAGE}`);
  const { inputs, filesFrom } = config.value;
  const found = filesFrom === undefined ? await filesBelow(inputs) : await filesOfList(filesFrom);
  if (!found.ok) return complain(2, found.message);
  return count(config.value, found.files);
}

async function count(config: WordCountConfig, files: readonly InputFile[]): Promise<number> {
  const style: ReportStyle = config.isJson ? 'json' : process.stdout.isTTY ? 'line' : 'plain';
  const report = new JobReport(style, (text) => process.stdout.write(text));
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupt.abort());
  try {
    const words = await countWords(config, files, {
      report,
      nowMs: () => performance.now(),
      warn: (text) => process.stderr.write(`framework-mapreduce: ${text}\n`),
      jobId: randomBytes(6).toString('hex'),
      interrupt: interrupt.signal,
    });
    report.words(words);
    return 0;
  } catch (error) {
    if (error instanceof JobInterrupted) return 130;
    if (isOperating(error)) return complain(1, error.message);
    if (error instanceof Error && 'code' in error) return complain(2, error.message);
    throw error;
  }
}

const isOperating = (error: unknown): error is Error =>
  error instanceof JobFailed || error instanceof SchedulerError || error instanceof WorkBucketError;

function complain(exitCode: number, message: string): number {
  process.stderr.write(`framework-mapreduce: ${message}\n`);
  return exitCode;
}
