// Owns the embedded nats-server of a cluster: start it in a directory, find a running one again, reload its users, stop it.
// Everything that it keeps is in that directory: data, credentials, configuration, logs. Streams are made by who uses them.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import { locateNatsServer } from '@parley/setup/nats-server';
import { SetupFailure } from '@parley/setup/setup-failure';
import { alone } from './change-lock.ts';
import { credentialPath, removeCredential } from './credentials.ts';
import {
  type Members,
  mergeMembers,
  type PrincipalMember,
  readMembers,
  withoutHolder,
  writeMembers,
} from './members.ts';
import { waitForReload } from './reload-log.ts';
import {
  configPath,
  credentialsDirectory,
  logPath,
  noMembers,
  outputPath,
  prepareDirectory,
  serverUrl,
  setOldLogAside,
  writeConfig,
} from './server-directory.ts';
import {
  askServerName,
  freePort,
  isRunning,
  type ProcessIdentity,
  signal,
  spawnServer,
  stopProcess,
  waitFor,
  watchEnd,
} from './server-process.ts';
import {
  readServerState,
  type ServerState,
  type ServerTuning,
  writeServerState,
} from './server-state.ts';
import { explainFailure, logTail } from './start-failure.ts';

export type NatsServerOptions = {
  /** Where everything is kept: data, credentials, logs. Made when it is not there. */
  readonly directory: string;
  readonly cluster: ClusterName;
  /** Who gets a credential, beside the provisioner and the principals. Those of earlier starts keep theirs. */
  readonly actors: readonly Holder[];
  readonly principals: readonly PrincipalMember[];
  /** Path of the nats-server; without it one is looked for, and fetched where there is none. */
  readonly binary?: string;
  /** Without it the port of the last start when it is free, else any free one. */
  readonly port?: number;
  /** Of a server that this call starts. */
  readonly tuning?: ServerTuning;
};

const START_TIMEOUT_MS = 60_000;
/** Another process may take a free port between the choice and the start. */
const START_ATTEMPTS = 5;

/** A server that runs. It goes on when this process ends; `stop` ends it. */
export class NatsServer {
  readonly directory: string;
  readonly cluster: ClusterName;
  readonly #state: ServerState;

  constructor(directory: string, cluster: ClusterName, state: ServerState) {
    this.directory = directory;
    this.cluster = cluster;
    this.#state = state;
  }

  get url(): string {
    return serverUrl(this.#state.port);
  }

  get port(): number {
    return this.#state.port;
  }

  get pid(): number {
    return this.#state.process.pid;
  }

  get version(): string {
    return this.#state.serverVersion;
  }

  /** Where the credential of a member is. It need not be one: then there is no such file. */
  credentialFile(kind: HolderKind, id: string): string {
    return credentialPath(credentialsDirectory(this.directory), { kind, id });
  }

  members(): Members {
    return readMembers(this.directory) ?? noMembers(this.cluster);
  }

  /** Gives these actors and principals a user and a credential; nobody's connection is dropped. */
  async addMembers(
    actors: readonly Holder[],
    principals: readonly PrincipalMember[],
  ): Promise<void> {
    await this.#change((members) => mergeMembers(members, actors, principals));
  }

  /** Takes a member's users and credential away; its connections are closed. Streams and data of a principal stay. */
  async removeMember(holder: Holder): Promise<void> {
    await this.#change((members) => withoutHolder(members, holder));
    removeCredential(credentialsDirectory(this.directory), holder);
  }

  /**
   * Calls back once when the server has ended, however that came; the failure carries the end of its log. The returned
   * function ends the watch.
   */
  onEnd(callback: (failure: SetupFailure) => void): () => void {
    return watchEnd(this.#state.process, () => {
      const what = `the nats-server of cluster ${this.cluster} (pid ${this.pid}) has ended`;
      callback(explainFailure(what, wholeTail(this.directory)));
    });
  }

  /** Ends the server; data, credentials and port are kept for the next start. */
  async stop(): Promise<void> {
    await stopProcess(this.#state.process);
  }

  async #change(change: (members: Members) => Members): Promise<void> {
    await alone(this.directory, async () => {
      const before = this.members();
      writeMembers(this.directory, change(before));
      const failure = await this.#reload();
      if (failure === undefined) return;
      writeMembers(this.directory, before);
      throw failure;
    });
  }

  async #reload(): Promise<SetupFailure | undefined> {
    const { serverName, port, process, tuning } = this.#state;
    writeConfig({ directory: this.directory, serverName, port, tuning }, this.members());
    const result = await waitForReload(logPath(this.directory), () => signal(process, 'SIGHUP'));
    if (result.taken) return undefined;
    return new SetupFailure({
      what: `the nats-server of cluster ${this.cluster} did not take its new users`,
      why: isRunning(process) ? result.why : 'it is not running',
      remedy: `see ${logPath(this.directory)}`,
    });
  }
}

/**
 * Starts the server of a directory and waits until it answers; one that runs there already is used as it is, with the
 * members added.
 * @throws SetupFailure when no nats-server can be had, the port is taken, the disk is full, or it ends at once
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const directory = resolve(options.directory);
  prepareDirectory(directory);
  const running = await findRunning(directory);
  if (running !== undefined) {
    checkCluster(running.cluster, options);
    await running.addMembers(options.actors, options.principals);
    return running;
  }
  const found = await locateNatsServer(
    options.binary === undefined ? {} : { env: { PARLEY_NATS_SERVER: options.binary } },
  );
  return alone(directory, async () => {
    const kept = readMembers(directory) ?? noMembers(options.cluster);
    checkCluster(kept.cluster, options);
    const members = mergeMembers(kept, options.actors, options.principals);
    writeMembers(directory, members);
    const state = await launch({
      directory,
      members,
      found,
      port: options.port,
      tuning: options.tuning,
    });
    return new NatsServer(directory, options.cluster, state);
  });
}

/** The server that a directory's last start left running; undefined when there is none. */
export async function findRunning(directory: string): Promise<NatsServer | undefined> {
  const absolute = resolve(directory);
  const state = readServerState(absolute);
  const members = readMembers(absolute);
  if (state === undefined || members === undefined || !isRunning(state.process)) return undefined;
  const answers = await waitFor(
    async () => !isRunning(state.process) || (await askServerName(state.port)) === state.serverName,
    START_TIMEOUT_MS,
  );
  if (!answers || !isRunning(state.process)) return undefined;
  return new NatsServer(absolute, members.cluster, state);
}

type Launch = {
  readonly directory: string;
  readonly members: Members;
  readonly found: { readonly path: string; readonly version: string };
  readonly port: number | undefined;
  readonly tuning: ServerTuning | undefined;
};

async function launch(what: Launch): Promise<ServerState> {
  const { directory, port } = what;
  const first = port ?? readServerState(directory)?.port ?? (await freePort());
  let candidate = first;
  for (let attempt = 1; ; attempt += 1) {
    const started = await launchOn(what, candidate);
    if (!(started instanceof SetupFailure)) return started;
    const portTaken = /address already in use/i.test(started.why);
    if (!portTaken || port !== undefined || attempt >= START_ATTEMPTS) throw started;
    candidate = await freePort();
  }
}

async function launchOn(what: Launch, port: number): Promise<ServerState | SetupFailure> {
  const { directory, members, found, tuning } = what;
  const serverName = `parley-${members.cluster}-${randomBytes(6).toString('hex')}`;
  setOldLogAside(directory);
  writeConfig({ directory, serverName, port, tuning }, members);
  const { child, identity } = spawnServer(found.path, configPath(directory), outputPath(directory));
  let spawnError: Error | undefined;
  child.on('error', (error) => {
    spawnError = error;
  });
  const failed = `nats-server ${found.version} did not start on port ${port}`;
  if (identity === undefined || !(await answersAs(serverName, port, identity))) {
    const tail = spawnError?.message ?? wholeTail(directory);
    if (identity !== undefined) await stopProcess(identity);
    return explainFailure(failed, tail);
  }
  const state: ServerState = {
    serverName,
    port,
    binary: found.path,
    serverVersion: found.version,
    process: identity,
    ...(tuning && { tuning }),
  };
  writeServerState(directory, state);
  return state;
}

async function answersAs(
  serverName: string,
  port: number,
  identity: ProcessIdentity,
): Promise<boolean> {
  let answered = false;
  await waitFor(async () => {
    answered = (await askServerName(port)) === serverName;
    return answered || !isRunning(identity);
  }, START_TIMEOUT_MS);
  return answered && isRunning(identity);
}

function checkCluster(kept: ClusterName, { cluster, directory }: NatsServerOptions): void {
  if (kept === cluster) return;
  throw new SetupFailure({
    what: `cluster ${cluster} cannot be started in ${directory}`,
    why: `the directory belongs to cluster ${kept}`,
    remedy: 'choose another directory, or that cluster',
  });
}

const wholeTail = (directory: string): string =>
  [logTail(outputPath(directory)), logTail(logPath(directory))]
    .filter((tail) => tail !== '')
    .join('\n');
