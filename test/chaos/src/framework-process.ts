// Owns a framework of a chaos run, as a process that may be killed and started again under its id: it wants what its list
// says and its diary does not say is done. Arguments: credential, framework id, directory of the run. Ends with 0 when it
// was told that no more work comes, all is done, and the cluster has forgotten it; with 1 when it is to be started again.
import { setTimeout as wait } from 'node:timers/promises';
import type { DesiredTask, TaskPart } from '@parley/scheduler-sdk/desired-task';
import { Framework } from '@parley/scheduler-sdk/framework';
import type { FrameworkUpdate } from '@parley/scheduler-sdk/framework-update';
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import { WorkFiles, type WorkItem } from './work.ts';

const LOOK_MS = 200;
const CONNECT_MS = 60_000;

const [credential = '', frameworkId = '', directory = ''] = process.argv.slice(2);
const files = new WorkFiles(directory, frameworkId);
const over = new Set(files.told().flatMap(({ key, isOver }) => (isOver ? [key] : [])));
const say = (msg: string, fields = {}): void =>
  void process.stdout.write(`${JSON.stringify({ msg, ...fields })}\n`);

const part = ({ seconds }: WorkItem): TaskPart => ({
  need: { cpus: 0.1, mem: '32MiB' },
  run: ({ taskId }) => ({ command: { argv: ['sh', '-c', files.script(taskId, seconds)] } }),
});

function desired(item: WorkItem): DesiredTask {
  const { key, members } = item;
  const retry = { backoff: { firstMs: 500, maxMs: 4000 } };
  if (members === 1) return { key, retry, ...part(item) };
  const parts = Array.from({ length: members }, () => part(item));
  return { key, retry, members: parts, executor: { executorId: key, kind: 'default' } };
}

function onUpdate({ key, state, reason, terminal, willRetry, update }: FrameworkUpdate): void {
  const isOver = terminal && !willRetry;
  const taskId = update?.task.taskId;
  // In the diary before the update counts as handled: a framework that is killed between the two is told again.
  files.tell({ key, state, isOver, ...(taskId && { taskId }), ...(reason && { reason }) });
  if (isOver) over.add(key);
}

const framework = new Framework({
  credential,
  frameworkId,
  name: frameworkId,
  role: '*',
  connectTimeoutMs: CONNECT_MS,
  onUpdate,
  onError: (error) => say('trouble', { error: error.message }),
}).desired(() =>
  files
    .released()
    .filter(({ key }) => !over.has(key))
    .map(desired),
);

process.exit(await main());

async function main(): Promise<number> {
  try {
    await framework.start();
    say('subscribed');
    return await Promise.race([work(), framework.ended().then(() => left('ended'))]);
  } catch (error) {
    if (!(error instanceof SchedulerError)) throw error;
    const { code } = error.failure;
    // It was killed after the cluster had forgotten it, and before it could leave.
    if (files.isFinished && code === 'frameworkRemoved') return left(code);
    say('is to be started again', { code, why: error.message });
    return 1;
  }
}

async function work(): Promise<number> {
  let known = 0;
  for (;;) {
    const released = files.released();
    if (released.length > known) void framework.poke();
    known = released.length;
    if (files.isFinished && released.every(({ key }) => over.has(key))) {
      await framework.teardown();
      return left('torn down');
    }
    await wait(LOOK_MS);
  }
}

function left(how: string): number {
  say('left', { how });
  return 0;
}
