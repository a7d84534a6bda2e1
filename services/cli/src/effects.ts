// Owns the clocks, randomness and capacity of this host and the line that somebody types, for everything else to take
// as arguments.
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { HostCapacity } from './local-cluster/host-shares.ts';

/** Milliseconds that never go back, for durations. */
export const monotonicMs = (): number => performance.now();
/** Milliseconds since 1970: for people, and for what others have stored by theirs. */
export const wallTimeMs = (): number => Date.now();
/** 12 characters of `0-9a-f`: for ids that nobody chooses. */
export const randomToken = (): string => randomBytes(6).toString('hex');

const MIB = 1024 * 1024;

/** What this process may use: a limit of its own control group counts as the host's memory. */
export async function readHostCapacity(directory: string): Promise<HostCapacity> {
  const disk = await statfs(directory);
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return {
    cpus: availableParallelism(),
    memoryMib: Math.floor(memory / MIB),
    freeDiskMib: Math.floor((disk.bavail * disk.bsize) / MIB),
  };
}

/** One line typed at the terminal; the question goes to stderr, so that stdout holds only results. Undefined at its end. */
export async function askAtTerminal(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<undefined>((resolve) =>
    terminal.once('close', () => resolve(undefined)),
  );
  try {
    return await Promise.race([terminal.question(question), ended]);
  } finally {
    terminal.close();
  }
}

/** As `askAtTerminal`, but what is typed is not shown. */
export async function askSecretAtTerminal(question: string): Promise<string | undefined> {
  process.stderr.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: unseen, terminal: true });
  const ended = new Promise<undefined>((resolve) =>
    terminal.once('close', () => resolve(undefined)),
  );
  try {
    return await Promise.race([terminal.question(''), ended]);
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

/** The first line of standard input, which no terminal is. Undefined: there is none. */
export async function readLineOfInput(): Promise<string | undefined> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return undefined;
}

export const randomBytesOf = (count: number): Buffer => randomBytes(count);
