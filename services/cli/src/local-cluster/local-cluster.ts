// Owns a whole cluster on this host: embedded nats-server, private systemd where needed, master, allocator, agents;
// brings them up, keeps them up, takes them down and leaves nothing behind. Its own process is the keeper (keeper.ts).
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  findPrivateSystemd,
  startPrivateSystemd,
  stopPrivateSystemd,
} from '@parley/isolation/private-systemd';
import { identifyProcess } from '@parley/isolation/process-identity';
import { watchDisk } from '@parley/nats-server/disk-watch';
import { findRunning, type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import { type ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { CommandFailure, EXIT, reasonOf, systemCode, writeFailure } from '../command-failure.ts';
import { provisionCluster, provisionerOf } from '../provisioning.ts';
import type { ClusterPaths } from './cluster-paths.ts';
import { choosePlace } from './console-link.ts';
import { DEMO_PRINCIPALS } from './demo-principals.ts';
import { endTasks } from './end-tasks.ts';
import type { AgentShare } from './host-shares.ts';
import type { Isolation } from './isolation-choice.ts';
import { JobProcess } from './job-process.ts';
import type { RunOrder } from './keeper-messages.ts';
import { endProcesses, ProcessRecord, readProcesses } from './process-record.ts';
import { AGENT_GONE_EXIT_CODE, decideRestart } from './restart-policy.ts';
import { agentArguments, busArguments, entryArgv, type RunnableName } from './service-catalog.ts';
import { ServiceProcess, type ServiceWatch } from './service-process.ts';
import { keepStreams } from './stream-keeper.ts';
import { streamLimit } from './stream-limit.ts';

export type LocalClusterPlan = {
  readonly cluster: ClusterName;
  readonly clone: string;
  readonly paths: ClusterPaths;
  readonly agents: readonly AgentShare[];
  readonly isolation: Isolation;
  readonly masterArguments: readonly string[];
  readonly allocatorArguments: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
};

export type LocalClusterWatch = {
  readonly nowMs: () => number;
  /** Something ended and was started again. */
  readonly onNotice: (text: string) => void;
  /** The cluster cannot go on. */
  readonly onBroken: (failure: CommandFailure) => void;
};

/** The operator whose credential the commands of this clone use. */
export const OPERATOR: Holder = { kind: 'operator', id: 'operator' };

/** One of each leads, the other takes over when it ends. */
const MASTERS = ['master-1', 'master-2'] as const;
const ALLOCATORS = ['allocator-1', 'allocator-2'] as const;
/** An operator as well: it shows the cluster to people, and asks in their name. */
const GATEWAY: Holder = { kind: 'operator', id: 'gateway-1' };

const SERVICE_GRACE_MS = 8000;
const JOB_GRACE_MS = 3000;

export class LocalCluster {
  readonly #plan: LocalClusterPlan;
  readonly #watch: LocalClusterWatch;
  readonly #record: ProcessRecord;
  readonly #services: ServiceProcess[] = [];
  readonly #jobs = new Set<JobProcess>();
  readonly #natsEndsMs: number[] = [];
  #nats: NatsServer | undefined;
  #endNatsWatch: (() => void) | undefined;
  #endStreamWatch: (() => void) | undefined;
  #stopping = false;

  constructor(plan: LocalClusterPlan, watch: LocalClusterWatch) {
    this.#plan = plan;
    this.#watch = watch;
    this.#record = new ProcessRecord(plan.paths.record);
  }

  get nats(): NatsServer {
    if (this.#nats === undefined) throw new Error('the nats-server is not started yet');
    return this.#nats;
  }

  credentialFile(kind: HolderKind, id: string): string {
    return this.nats.credentialFile(kind, id);
  }

  /** Resolves when everything runs; agents may still be registering. */
  async start(): Promise<void> {
    this.#makeFolders();
    const { clone, isolation, paths, cluster } = this.#plan;
    const systemd =
      isolation.kind === 'private-systemd' ? this.#startSystemd(paths.systemd) : undefined;
    const results = await Promise.allSettled([systemd, this.#startBus()]);
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
    }
    if (this.#stopping) return;
    const server = await identifyProcess(this.nats.pid);
    if (server !== undefined) this.#record.add({ name: 'nats-server', ...server });
    for (const id of MASTERS) this.#startService('master', id, this.#plan.masterArguments);
    for (const id of ALLOCATORS) this.#startService('allocator', id, this.#plan.allocatorArguments);
    await this.#startGateway();
    for (const share of this.#plan.agents) {
      const place = {
        ...{ share, isolation, clone, systemdDirectory: paths.systemd },
        clustersDirectory: path.dirname(paths.root),
      };
      const workDirectory = paths.agentWork(share.id);
      this.#startService('agent', share.id, agentArguments({ ...place, workDirectory }));
    }
    this.#watch.onNotice(
      `cluster ${cluster}: nats-server ${this.nats.version} at ${this.nats.url}`,
    );
  }

  async #startGateway(): Promise<void> {
    const { signIn } = this.#plan.paths;
    rmSync(signIn, { force: true });
    this.#startService('gateway', GATEWAY.id, [
      ...['--listen', await choosePlace()],
      ...['--sign-in-file', signIn],
      ...['--principals', path.dirname(this.credentialFile(GATEWAY.kind, GATEWAY.id))],
    ]);
  }

  /** Runs a framework once; resolves with its exit code. */
  async runJob(order: RunOrder): Promise<number> {
    const { clone, cluster, environment, paths } = this.#plan;
    const credentialFile = this.credentialFile('principal', order.principal);
    const bus = busArguments({ url: this.nats.url, cluster, credentialFile });
    const argv = [...entryArgv(clone, order.entry), ...bus, ...order.argv];
    const plan = { name: order.name, argv, environment, logFile: paths.log(order.name) };
    const job = new JobProcess(plan, this.#record);
    this.#jobs.add(job);
    if (this.#stopping) void job.stop(0);
    const exitCode = await job.ended;
    this.#jobs.delete(job);
    return exitCode;
  }

  /** Everything is gone afterwards but the files. May be called at any time, also while starting. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#endNatsWatch?.();
    this.#endStreamWatch?.();
    await Promise.all([...this.#jobs].map((job) => job.stop(JOB_GRACE_MS)));
    await this.#stopServices();
    const { paths, agents, isolation } = this.#plan;
    const ids = agents.map((agent) => agent.id);
    const results = await Promise.allSettled([
      endTasks(paths, ids, isolation),
      stopNats(paths.nats),
    ]);
    this.#record.remove('nats-server');
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  /** As a kill -9 from outside: it is started again like whatever ends unasked. */
  kill(name: string): void {
    this.#services.find(({ plan }) => plan.name === name)?.kill();
  }

  /** Masters one after the other: the last one is alone, and writes a snapshot. */
  async #stopServices(): Promise<void> {
    const isMaster = ({ plan }: ServiceProcess): boolean => MASTERS.some((id) => id === plan.name);
    const others = this.#services.filter((service) => !isMaster(service));
    const stopping = Promise.all(others.map((service) => service.stop(SERVICE_GRACE_MS)));
    for (const master of this.#services.filter(isMaster)) await master.stop(SERVICE_GRACE_MS);
    await stopping;
  }

  #makeFolders(): void {
    const { paths, agents } = this.#plan;
    try {
      for (const folder of [paths.root, paths.nats, paths.logs]) {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
      }
      for (const { id } of agents) mkdirSync(paths.agentWork(id), { recursive: true });
    } catch (error) {
      throw writeFailure('the folders of the cluster cannot be made', paths.root, error);
    }
  }

  async #startSystemd(stateDirectory: string): Promise<void> {
    const left = await findPrivateSystemd(stateDirectory);
    await left?.stop();
    await startPrivateSystemd({ stateDirectory, name: this.#plan.cluster });
  }

  async #startBus(): Promise<void> {
    await this.#startNats();
    const { principals } = this.nats.members();
    const { warning } = await provisionCluster(provisionerOf(this.nats), {
      replicas: 1,
      principals,
      maxStreamBytes: streamLimit(this.#plan.paths.nats, principals.length),
    });
    if (warning !== undefined) this.#watch.onNotice(warning);
    this.#endStreamWatch = keepStreams({
      nats: () => this.nats,
      maxStreamBytes: (count) => streamLimit(this.#plan.paths.nats, count),
      onNotice: this.#watch.onNotice,
    });
  }

  async #startNats(port?: number): Promise<void> {
    const { paths, cluster, agents } = this.#plan;
    const principals = [DEMO_PRINCIPALS.batch, DEMO_PRINCIPALS.mapreduce].map((name) => ({
      name: PrincipalName.parse(name),
      roles: [RoleName.parse(name)],
    }));
    const actors: Holder[] = [
      ...MASTERS.map((id): Holder => ({ kind: 'master', id })),
      ...ALLOCATORS.map((id): Holder => ({ kind: 'allocator', id })),
      ...agents.map(({ id }): Holder => ({ kind: 'agent', id })),
      OPERATOR,
      GATEWAY,
    ];
    const place = { directory: paths.nats, cluster, actors, principals };
    this.#nats = await startNatsServer(port === undefined ? place : { ...place, port });
    const endDiskWatch = this.#watchDisk(this.#nats);
    const endWatch = this.#nats.onEnd((failure) => {
      endDiskWatch();
      void this.#natsEnded(failure.message);
    });
    this.#endNatsWatch = () => {
      endDiskWatch();
      endWatch();
    };
  }

  /** A server that found its disk full may write no more until it is started again: its end does that. */
  #watchDisk(nats: NatsServer): () => void {
    return watchDisk(nats, {
      onFull: (failure) => this.#watch.onNotice(failure.message),
      onRoom: (restart) => {
        this.#watch.onNotice('there is room on the disk again');
        if (restart && !this.#stopping) void nats.stop();
      },
    });
  }

  /** On the same port, which every credential file names. */
  async #natsEnded(reason: string): Promise<void> {
    if (this.#stopping) return;
    const nowMs = this.#watch.nowMs();
    this.#natsEndsMs.push(nowMs);
    const decision = decideRestart(this.#natsEndsMs, nowMs);
    if (decision.kind === 'giveUp') {
      this.#broken(`the nats-server ended ${decision.ends} times and is not started again`, reason);
      return;
    }
    const [first = reason] = reason.split('\n');
    this.#watch.onNotice(`${first}; starting it again on port ${this.nats.port}`);
    try {
      await this.#startNats(this.nats.port);
      const server = await identifyProcess(this.nats.pid);
      if (server !== undefined) this.#record.add({ name: 'nats-server', ...server });
      if (this.#stopping) await this.#nats?.stop();
    } catch (error) {
      this.#broken('the nats-server ended and could not be started again', reasonOf(error));
    }
  }

  #startService(service: RunnableName, id: string, extra: readonly string[]): void {
    const { clone, paths, cluster } = this.#plan;
    const environment = { NODE_COMPILE_CACHE: paths.compiled, ...this.#plan.environment };
    const credentialFile = this.credentialFile(service === 'gateway' ? GATEWAY.kind : service, id);
    const bus = busArguments({ url: this.nats.url, cluster, credentialFile });
    const ids = service === 'master' || service === 'allocator' ? ['--id', id] : [];
    const argv = [...entryArgv(clone, service), ...bus, ...ids, ...extra];
    const logFile = paths.log(id);
    setOldLogAside(logFile);
    const final = service === 'agent' ? { finalExitCode: AGENT_GONE_EXIT_CODE } : {};
    const plan = { name: id, argv, environment, logFile, ...final };
    const started = new ServiceProcess(plan, this.#serviceWatch());
    this.#services.push(started);
    started.start();
  }

  #serviceWatch(): ServiceWatch {
    return {
      record: this.#record,
      nowMs: this.#watch.nowMs,
      onRestart: (name, how, delayMs) =>
        this.#watch.onNotice(`${name} ended (${how}); starting it again in ${delayMs} ms`),
      onLeft: (name) =>
        this.#watch.onNotice(
          `${name} was declared gone by an operator: it is not started again, the cluster goes on without it`,
        ),
      onGivenUp: (name, how, ends) => {
        const what = `${name} ended ${ends} times and is not started again`;
        const why = `last: ${how}; its log is ${this.#plan.paths.log(name)}`;
        // People see the cluster through it; the cluster does not need it.
        if (name === GATEWAY.id) this.#watch.onNotice(`${what} (${why})`);
        else this.#broken(what, why);
      },
    };
  }

  #broken(what: string, why: string): void {
    const remedy = `see "npx parley logs" and the files in ${this.#plan.paths.logs}, then start again`;
    this.#watch.onBroken(new CommandFailure(EXIT.failed, { what, why, remedy }));
  }
}

/**
 * Ends what a keeper that was killed has left: listed processes, the nats-server, tasks. `isolation` is that of
 * this start; plain processes and a private systemd of an earlier one are ended as well.
 */
export async function clearLeftovers(
  paths: ClusterPaths,
  agentIds: readonly string[],
  isolation: Isolation,
): Promise<void> {
  const services = readProcesses(paths.record).filter((each) => each.name !== 'nats-server');
  await endProcesses(services, SERVICE_GRACE_MS);
  await endTasks(paths, agentIds, { kind: 'process' });
  await stopPrivateSystemd(paths.systemd);
  await endTasks(paths, agentIds, isolation);
  await stopNats(paths.nats);
}

async function stopNats(directory: string): Promise<void> {
  const running = await findRunning(directory);
  await running?.stop();
}

/** One earlier log is kept. */
function setOldLogAside(file: string): void {
  try {
    renameSync(file, `${file}.1`);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
