// Owns `parley stop`: ends a cluster of this host that was kept, and waits until all of it is gone.
import { setTimeout as delay } from 'node:timers/promises';
import { isProcessAlive } from '@parley/isolation/process-identity';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { type Context, removeContext } from '../context-store.ts';
import { clusterPaths } from '../local-cluster/cluster-paths.ts';
import { AGENT_COUNT } from '../local-cluster/host-shares.ts';
import { chooseIsolation } from '../local-cluster/isolation-choice.ts';
import { clearLeftovers } from '../local-cluster/local-cluster.ts';
import { signalProcess } from '../local-cluster/process-record.ts';
import { printLine } from '../print.ts';
import { currentContext, knownContexts } from './context.ts';

const WAIT_MS = 60_000;
const LOOK_MS = 100;

export async function stopCommand(
  surroundings: Surroundings,
  named: string | undefined,
): Promise<void> {
  const left = await leftBehind(surroundings, named);
  if (left !== undefined) {
    await clearAway(surroundings, left);
    return;
  }
  const context = await currentContext(surroundings, named);
  if (context.local === undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: `cluster ${context.name} does not run on this host by our doing`,
      why: 'it was named with "parley init"',
      remedy: 'stop its services where they run',
    });
  }
  const { keeper } = context.local;
  signalProcess(keeper.pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += LOOK_MS) {
    if (!(await isProcessAlive(keeper))) {
      printLine(`cluster ${context.name} is stopped; its data stays in ${context.local.directory}`);
      return;
    }
    await delay(LOOK_MS);
  }
  throw new CommandFailure(EXIT.timedOut, {
    what: `cluster ${context.name} has not stopped within ${WAIT_MS / 1000} s`,
    remedy: `see the logs in ${context.local.directory}/logs, then: kill -9 ${keeper.pid}; the next start clears away what is left`,
  });
}

/** A cluster of this host whose keeper was killed: named, or the only one there is. */
async function leftBehind(
  surroundings: Surroundings,
  named: string | undefined,
): Promise<Context | undefined> {
  const known = await knownContexts(surroundings);
  const ours = known.filter(({ context }) => context.local !== undefined);
  const [one] =
    named === undefined && ours.length === 1
      ? ours
      : ours.filter(({ context }) => context.name === named);
  return one === undefined || one.isRunning ? undefined : one.context;
}

async function clearAway({ directory }: Surroundings, { name, cluster }: Context): Promise<void> {
  const agentIds = Array.from({ length: AGENT_COUNT }, (_, index) => `agent-${index + 1}`);
  const paths = clusterPaths(directory, cluster);
  await clearLeftovers(paths, agentIds, await chooseIsolation('auto'));
  await removeContext(directory, name);
  printLine(
    `the keeper of cluster ${name} had ended by itself; what it left running is stopped, its data stays in ${paths.root}`,
  );
}
