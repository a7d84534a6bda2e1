// Keeps two agents from using one work directory at a time: by flock(2), which the kernel gives to one of them and takes back
// when its process ends, however that ends. What is written in the file is for people, and from agents of older releases.
import { spawn } from 'node:child_process';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { identifyProcess, isProcessAlive } from '@parley/isolation/process-identity';
import { SYSTEM_PATH } from '@parley/isolation/run-command';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import * as z from 'zod';

const Holder = z.object({ pid: z.int(), startTicks: z.string() });

/** flock(1), "EXIT STATUS": somebody else has it. */
const HELD = 1;

export type WorkDirectoryLock = { readonly release: () => Promise<void> };

/** Makes the directory. Fails with `notPermitted` while another process holds it. Rejects with the file error. */
export async function lockWorkDirectory(
  workDirectory: string,
  pid: number,
): Promise<Outcome<WorkDirectoryLock>> {
  await mkdir(workDirectory, { recursive: true });
  // Never removed: somebody may be waiting with it open.
  const file = await open(path.join(workDirectory, 'agent.lock'), 'a+', 0o600);
  const refused = await refusal(file, workDirectory, pid);
  if (refused !== undefined) {
    await file.close();
    return fail('notPermitted', refused);
  }
  await replaceText(file, JSON.stringify((await identifyProcess(pid)) ?? { pid, startTicks: '' }));
  return succeed({
    release: async () => {
      await replaceText(file, '');
      await file.close();
    },
  });
}

/** Undefined: it is this process's. */
async function refusal(
  file: FileHandle,
  workDirectory: string,
  pid: number,
): Promise<string | undefined> {
  const taken = await takeLock(file);
  const holder = await readHolder(file);
  if (taken.kind === 'taken') {
    // An older release does not hold the lock, but is in the file.
    if (holder === undefined || holder.pid === pid || !(await isProcessAlive(holder))) return;
  } else if (taken.kind === 'failed') {
    return `${workDirectory} cannot be locked: ${taken.why}; flock of util-linux must be there`;
  }
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return `${who} runs an agent in ${workDirectory} already`;
}

type Taken =
  | { readonly kind: 'taken' | 'held' }
  | { readonly kind: 'failed'; readonly why: string };

/** By a child that has the same open file: the lock is the file's, and stays when the child has ended. */
function takeLock(file: FileHandle): Promise<Taken> {
  const child = spawn('flock', ['--exclusive', '--nonblock', '3'], {
    cwd: '/',
    env: { PATH: SYSTEM_PATH },
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
  });
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve({ kind: 'failed', why: message }));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve({ kind: 'taken' });
      else if (code === HELD) resolve({ kind: 'held' });
      else resolve({ kind: 'failed', why: `flock ended with ${code ?? signal}` });
    });
  });
}

async function replaceText(file: FileHandle, text: string): Promise<void> {
  await file.truncate(0);
  await file.appendFile(text);
}

async function readHolder(file: FileHandle): Promise<z.infer<typeof Holder> | undefined> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1024), 0, 1024, 0);
  try {
    return Holder.safeParse(JSON.parse(buffer.toString('utf8', 0, bytesRead))).data;
  } catch {
    // There is none, or it was torn: nobody is told of.
    return undefined;
  }
}
