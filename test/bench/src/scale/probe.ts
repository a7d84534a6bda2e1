// Owns the probe of the scale experiment: a framework that comes to a busy cluster, runs one task and goes. What it took beyond
// the task's own length is what the cluster has added.
import { isTerminal } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { resources, task } from '@parley/scheduler-sdk/task';

const TIMEOUT_MS = 120_000;
const NEED = { cpus: 1, mem: '1GiB', disk: '1GiB' } as const;

/** Milliseconds. */
export type ProbeTimes = {
  /** Beyond the task's own, from before it connects until it has heard that its task has finished: the sum of what follows. */
  readonly beyond: number;
  /** From before it connects until it is offered what it then launches its task on; `connected` is the part before it is subscribed. */
  readonly offered: number;
  readonly connected: number;
  /** From that offer until it hears that its task runs. */
  readonly started: number;
  /** From then until it hears that the task has finished, less the task's length. */
  readonly told: number;
};

export async function probeOnce(how: {
  readonly credential: string;
  /** Never used before. */
  readonly name: string;
  readonly taskSeconds: number;
}): Promise<ProbeTimes> {
  const { credential, name, taskSeconds } = how;
  const done = Promise.withResolvers<void>();
  const late = setTimeout(
    () => done.reject(new Error(`the probe's task did not end in ${TIMEOUT_MS / 1000} s`)),
    TIMEOUT_MS + taskSeconds * 1000,
  );
  let isLaunching = false;
  /** The leader refuses the accept of an offer that was taken back meanwhile; that task was never launched. */
  let attempts = 0;
  let accepted: string | undefined;
  const beganMs = performance.now();
  let offeredMs = beganMs;
  let runningMs = beganMs;
  const scheduler = await connectScheduler({
    ...{ credential, name, frameworkId: name, role: name },
    connectTimeoutMs: TIMEOUT_MS,
    demand: [{ count: 1, resources: resources(NEED), constraints: [] }],
    onOffers: async ([offer, ...others], self) => {
      if (others.length > 0) self.decline(others, { refuseMs: 0 });
      if (offer === undefined) return;
      if (isLaunching) return self.decline([offer], { refuseMs: 0 });
      isLaunching = true;
      attempts += 1;
      offeredMs = performance.now();
      const id = `probe-${attempts}`;
      const only = task({ id, command: ['sleep', String(taskSeconds)], ...NEED });
      const answer = await self.launch(offer, [only], { refuseMs: 0 });
      isLaunching = answer.ok;
      if (answer.ok) accepted = id;
    },
    onUpdate: ({ task: { taskId }, state, message }) => {
      if (state === 'running') runningMs = performance.now();
      if (state === 'finished') done.resolve();
      else if (isTerminal(state) && taskId === accepted) {
        done.reject(new Error(`the probe's task is ${state}: ${message}`));
      }
    },
  });
  const connected = performance.now() - beganMs;
  try {
    await done.promise;
    const told = performance.now() - runningMs - taskSeconds * 1000;
    const offered = offeredMs - beganMs;
    const started = runningMs - offeredMs;
    return { beyond: offered + started + told, offered, connected, started, told };
  } finally {
    clearTimeout(late);
    await scheduler.teardown();
  }
}
