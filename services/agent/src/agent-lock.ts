// Keeps two agents from using one work directory at a time. A lock of a process that is gone counts for nothing.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { identifyProcess, isProcessAlive } from '@parley/isolation/process-identity';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import * as z from 'zod';

const Holder = z.object({ pid: z.int(), startTicks: z.string() });

const lockPath = (workDirectory: string): string => path.join(workDirectory, 'agent.lock');

/** Fails with `notPermitted` while another process holds it. */
export async function lockWorkDirectory(
  workDirectory: string,
  pid: number,
): Promise<Outcome<undefined>> {
  const file = lockPath(workDirectory);
  const holder = await readHolder(file);
  if (holder !== undefined && holder.pid !== pid && (await isProcessAlive(holder))) {
    return fail('notPermitted', `process ${holder.pid} runs an agent in ${workDirectory} already`);
  }
  const self = await identifyProcess(pid);
  const partial = `${file}.${pid}`;
  await writeFile(partial, JSON.stringify(self ?? { pid, startTicks: '' }));
  await rename(partial, file);
  return succeed(undefined);
}

export async function unlockWorkDirectory(workDirectory: string): Promise<void> {
  await rm(lockPath(workDirectory), { force: true });
}

async function readHolder(file: string): Promise<z.infer<typeof Holder> | undefined> {
  try {
    return Holder.safeParse(JSON.parse(await readFile(file, 'utf8'))).data;
  } catch {
    // There is none, or it was torn: nobody holds it.
    return undefined;
  }
}
