// Owns the command's side of the keeper: spawns it apart from the terminal, hears its news, tells it to go on or
// to stop. What the news means to the user is the caller's.
import { type ChildProcess, spawn } from 'node:child_process';
import type { ClusterName } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { IsolationChoice } from './isolation-choice.ts';
import { KeeperNews, type KeeperOrder, type RunOrder } from './keeper-messages.ts';

export type KeeperStart = {
  readonly mainFile: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly name: ClusterName | undefined;
  readonly isolation: IsolationChoice;
  readonly masterArguments: readonly string[];
  readonly allocatorArguments: readonly string[];
  readonly onNotice: (text: string) => void;
};

export class KeeperClient {
  readonly #child: ChildProcess;
  readonly #onNotice: (text: string) => void;
  readonly #up = Promise.withResolvers<ClusterName>();
  readonly #detached = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #jobs = new Map<string, (exitCode: number) => void>();
  #failure: CommandFailure | undefined;
  #leaving = false;
  #isDetached = false;

  constructor(start: KeeperStart) {
    this.#onNotice = start.onNotice;
    // Its own session: a Ctrl-C at the terminal reaches this process only, which then ends the keeper in order.
    this.#child = spawn(process.execPath, [start.mainFile, 'keep-cluster'], {
      detached: true,
      env: start.environment,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // Both may reject when nobody waits for them any more.
    for (const promise of [this.#up.promise, this.#failed.promise, this.#detached.promise]) {
      promise.catch(() => undefined);
    }
    this.#child.on('message', (message) => this.#hear(KeeperNews.parse(message)));
    this.#child.once('exit', (code, signal) => this.#onExit(`${signal ?? `exit code ${code}`}`));
    this.#child.once('error', (error) => this.#onExit(error.message));
    const { name, isolation, masterArguments, allocatorArguments } = start;
    this.#tell({
      kind: 'start',
      isolation,
      masterArguments: [...masterArguments],
      allocatorArguments: [...allocatorArguments],
      ...(name !== undefined && { name }),
    });
  }

  /** The cluster's name, once it is up. Rejects with the reason when it does not come up. */
  get up(): Promise<ClusterName> {
    return Promise.race([this.#up.promise, this.#failed.promise]);
  }

  /** Never resolves; rejects when the cluster breaks. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Runs a framework once; resolves with its exit code, rejects when the cluster breaks. */
  run(order: Omit<RunOrder, 'kind'>): Promise<number> {
    const ended = Promise.withResolvers<number>();
    this.#jobs.set(order.name, ended.resolve);
    this.#tell({ kind: 'run', ...order });
    return Promise.race([ended.promise, this.#failed.promise]);
  }

  /** Kills a service of the cluster, as an accident would. */
  kill(service: string): void {
    this.#tell({ kind: 'kill', service });
  }

  /** The keeper goes on without this process. */
  async detach(): Promise<void> {
    this.#leaving = true;
    this.#tell({ kind: 'detach' });
    await Promise.race([this.#detached.promise, this.#failed.promise]);
    this.#isDetached = true;
    this.#child.disconnect();
    this.#child.unref();
  }

  /** Everything of the cluster is gone when this resolves, unless it goes on without us. May be called at any time, and again. */
  async stop(): Promise<void> {
    if (this.#isDetached) return;
    this.#leaving = true;
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended.promise;
  }

  #tell(order: KeeperOrder): void {
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  #hear(news: KeeperNews): void {
    switch (news.kind) {
      case 'notice':
        this.#onNotice(news.text);
        break;
      case 'up':
        this.#up.resolve(news.cluster);
        break;
      case 'jobEnded':
        this.#jobs.get(news.name)?.(news.exitCode);
        this.#jobs.delete(news.name);
        break;
      case 'detached':
        this.#detached.resolve();
        break;
      case 'failed':
        this.#failure = new CommandFailure(news.exitCode, { what: news.message });
        this.#failed.reject(this.#failure);
    }
  }

  #onExit(how: string): void {
    this.#ended.resolve();
    if (this.#failure !== undefined || this.#leaving) return;
    const words = {
      what: 'the process that keeps the cluster has ended',
      why: how,
      remedy: 'run the same command again: it clears away what was left',
    };
    this.#failed.reject(new CommandFailure(EXIT.failed, words));
  }
}
