// Owns the process that keeps a local cluster: it starts it, restarts what dies, and takes everything down when it
// is told to, when SIGTERM comes, or when the command that started it is gone without having said otherwise.
import { mkdirSync, realpathSync } from 'node:fs';
import { identifyProcess } from '@parley/isolation/process-identity';
import { ClusterName } from '@parley/protocol/ids';
import { CommandFailure, EXIT, reasonOf, writeFailure } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { removeContext, saveContext } from '../context-store.ts';
import { type Claim, claimFolder } from './cluster-claim.ts';
import { type ClusterPaths, clusterPaths, isReservedName } from './cluster-paths.ts';
import {
  describeShare,
  type HostCapacity,
  MAX_LOCAL_CLUSTERS,
  shareFault,
  shareHost,
} from './host-shares.ts';
import { chooseIsolation, describeIsolation, type Isolation } from './isolation-choice.ts';
import {
  KeeperNews,
  KeeperOrder,
  type KillServiceOrder,
  type RunOrder,
  type StartOrder,
} from './keeper-messages.ts';
import { clearLeftovers, LocalCluster, OPERATOR } from './local-cluster.ts';

export type KeeperOptions = {
  readonly surroundings: Surroundings;
  readonly environment: NodeJS.ProcessEnv;
  readonly nowMs: () => number;
  readonly readCapacity: (directory: string) => Promise<HostCapacity>;
};

type Claimed = {
  readonly cluster: ClusterName;
  readonly paths: ClusterPaths;
  readonly claim: Claim;
  /** 0 for the first local cluster of the clone. */
  readonly place: number;
};

/** Resolves when the cluster is down. */
export async function keepCluster(options: KeeperOptions): Promise<void> {
  const stop = Promise.withResolvers<void>();
  let detached = false;
  process.on('disconnect', () => {
    if (!detached) stop.resolve();
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => stop.resolve());
  }
  const started = Promise.withResolvers<StartOrder>();
  const runs: RunQueue = { onRun: () => undefined, onKill: () => undefined };
  process.on('message', (message) => {
    const order = KeeperOrder.parse(message);
    if (order.kind === 'start') started.resolve(order);
    else if (order.kind === 'run') runs.onRun(order);
    else if (order.kind === 'kill') runs.onKill(order);
    else {
      detached = true;
      tell({ kind: 'detached' });
    }
  });
  const order = await Promise.race([started.promise, stop.promise]);
  if (order === undefined) return;
  try {
    await runCluster(options, { order, runs, stop: stop.promise });
  } catch (error) {
    const exitCode = error instanceof CommandFailure ? error.exitCode : EXIT.failed;
    tell({ kind: 'failed', exitCode, message: reasonOf(error) });
  }
  if (process.connected) process.disconnect?.();
}

/** Run orders come only after the cluster was said to be up. */
type RunQueue = {
  onRun: (order: RunOrder) => void;
  onKill: (order: KillServiceOrder) => void;
};

type KeeperTask = {
  readonly order: StartOrder;
  readonly runs: RunQueue;
  readonly stop: Promise<void>;
};

async function runCluster(
  options: KeeperOptions,
  { order, runs, stop }: KeeperTask,
): Promise<void> {
  const isolation = await chooseIsolation(order.isolation);
  const { directory } = options.surroundings;
  makeStateDirectory(directory);
  const claimed = await claimCluster(directory, order.name);
  const broken = Promise.withResolvers<CommandFailure>();
  const { masterArguments, allocatorArguments } = order;
  const cluster = await planCluster(options, {
    ...{ claimed, isolation, masterArguments, allocatorArguments },
    onBroken: broken.resolve,
  });
  let failure: unknown;
  try {
    const starting = cluster.start();
    const stoppedEarly = stop.then(() => 'stop' as const);
    const first = await Promise.race([starting, stoppedEarly, broken.promise]);
    if (first instanceof CommandFailure) failure = first;
    if (first === undefined) {
      runs.onRun = (run) => void runJob(cluster, run);
      runs.onKill = ({ service }) => cluster.kill(service);
      await publishContext(options.surroundings, claimed, cluster);
      tell({ kind: 'up', cluster: claimed.cluster });
      failure = await Promise.race([stop, broken.promise]);
    }
    // A start that is under way is let finish, so that nothing of it escapes the end.
    if (first === 'stop') await Promise.allSettled([starting]);
  } catch (error) {
    failure = error;
  }
  if (failure !== undefined) {
    const exitCode = failure instanceof CommandFailure ? failure.exitCode : EXIT.failed;
    tell({ kind: 'failed', exitCode, message: reasonOf(failure) });
  }
  await cluster.stop();
  await removeContext(directory, claimed.cluster);
  await claimed.claim.release();
}

async function runJob(cluster: LocalCluster, order: RunOrder): Promise<void> {
  const exitCode = await cluster.runJob(order);
  tell({ kind: 'jobEnded', name: order.name, exitCode });
}

async function planCluster(
  options: KeeperOptions,
  how: {
    readonly claimed: Claimed;
    readonly isolation: Isolation;
    readonly masterArguments: readonly string[];
    readonly allocatorArguments: readonly string[];
    readonly onBroken: (failure: CommandFailure) => void;
  },
): Promise<LocalCluster> {
  const { cluster, paths, place } = how.claimed;
  const capacity = await options.readCapacity(options.surroundings.directory);
  const agents = shareHost(capacity, place);
  const fault = agents.map(shareFault).find((each) => each !== undefined);
  if (fault !== undefined) {
    throw new CommandFailure(EXIT.failed, {
      what: 'this host has too little for a cluster; nothing was started',
      why: `${fault} (a quarter of what is free for ${options.surroundings.directory})`,
      remedy: 'free some, or set PARLEY_DIRECTORY to a directory on another disk',
    });
  }
  await clearLeftovers(
    paths,
    agents.map((agent) => agent.id),
    how.isolation,
  );
  tell({ kind: 'notice', text: `tasks run in ${describeIsolation(how.isolation)}` });
  for (const agent of agents) tell({ kind: 'notice', text: describeShare(agent) });
  const { clone } = options.surroundings;
  const { environment } = options;
  const { isolation, masterArguments, allocatorArguments } = how;
  return new LocalCluster(
    {
      ...{ cluster, clone, paths, agents, isolation },
      ...{ masterArguments, allocatorArguments, environment },
    },
    {
      nowMs: options.nowMs,
      onNotice: (text) => tell({ kind: 'notice', text }),
      onBroken: how.onBroken,
    },
  );
}

function makeStateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw writeFailure(`${directory} cannot be made`, directory, error);
  }
}

/** The named cluster, or the first of `local`, `local-2` ... that nobody runs. */
async function claimCluster(directory: string, named: ClusterName | undefined): Promise<Claimed> {
  const real = realpathSync(directory);
  const names =
    named === undefined
      ? Array.from({ length: MAX_LOCAL_CLUSTERS }, (_, index) => nameAt(index))
      : [named];
  for (const cluster of names) {
    if (isReservedName(cluster)) {
      const words = { what: `a cluster cannot be named ${cluster}`, remedy: 'choose another name' };
      throw new CommandFailure(EXIT.usage, words);
    }
    const claim = await claimFolder(`${real}/${cluster}`);
    if (claim === undefined) continue;
    const place = await claimPlace(real);
    return {
      cluster,
      claim: bothOf(claim, place.claim),
      place: place.index,
      paths: clusterPaths(directory, cluster),
    };
  }
  throw new CommandFailure(EXIT.failed, {
    what: `cluster ${names.join(', ')} is running already`,
    remedy: `stop it with "npx parley stop --name ${names[0]}", or start one beside it: npm start -- --name OTHER`,
  });
}

const nameAt = (index: number): ClusterName =>
  ClusterName.parse(index === 0 ? 'local' : `local-${index + 1}`);

/** Each local cluster of this clone has a place of its own, whatever its name: from it come its agents' ports. */
async function claimPlace(directory: string): Promise<{ index: number; claim: Claim }> {
  for (let index = 0; index < MAX_LOCAL_CLUSTERS; index += 1) {
    const claim = await claimFolder(`${directory} place ${index}`);
    if (claim !== undefined) return { index, claim };
  }
  throw new CommandFailure(EXIT.failed, {
    what: `${MAX_LOCAL_CLUSTERS} clusters of this clone are running already`,
    remedy: 'stop one of them: "npx parley context list", "npx parley stop --name NAME"',
  });
}

const bothOf = (first: Claim, second: Claim): Claim => ({
  release: async () => {
    await first.release();
    await second.release();
  },
});

async function publishContext(
  { directory }: Surroundings,
  { cluster, paths }: Claimed,
  running: LocalCluster,
): Promise<void> {
  const keeper = await identifyProcess(process.pid);
  if (keeper === undefined) throw new Error('/proc does not show this process');
  await saveContext(directory, {
    version: 1,
    name: cluster,
    cluster,
    servers: [running.nats.url],
    operatorCredential: running.credentialFile(OPERATOR.kind, OPERATOR.id),
    local: { directory: paths.root, keeper },
  });
}

function tell(news: KeeperNews): void {
  // After a detach nobody listens; what was said is also in the services' logs.
  if (process.connected) process.send?.(KeeperNews.parse(news));
}
