// Owns the cluster that a failover is measured in: one of emulated agents, and a process of frameworks that keep it busy. It
// measures nothing.
import path from 'node:path';
import {
  type AgentsBegun,
  EmulatedCluster,
  type EmulatedSize,
} from '../emulated/emulated-cluster.ts';
import { PRINCIPALS } from '../emulated/emulated-server.ts';
import { Worker } from '../emulated/worker.ts';
import {
  type Counts,
  type FrameworksPlan,
  FromFrameworks,
  type ToFrameworks,
} from './framework-messages.ts';

const FRAMEWORKS = path.join(import.meta.dirname, 'framework-process.ts');

export type FailoverSize = EmulatedSize & Omit<FrameworksPlan, 'credentials'>;
type NewTerm = Extract<FromFrameworks, { kind: 'newTerm' }>;

export class FailoverCluster extends EmulatedCluster {
  readonly #plan: FailoverSize;
  #frameworks: Worker<ToFrameworks, FromFrameworks> | undefined;

  constructor(size: FailoverSize, say: (line: string) => void) {
    super(size, say);
    this.#plan = size;
  }

  /** Resolves when every framework is subscribed as well. */
  override async start(): Promise<AgentsBegun> {
    const registered = await super.start();
    const { frameworks, tasks, taskSeconds, launchRate } = this.#plan;
    const credentials = PRINCIPALS.map((name) => this.server.credential('principal', name));
    this.#frameworks = new Worker({
      name: 'the frameworks',
      file: FRAMEWORKS,
      plan: { credentials, frameworks, tasks, taskSeconds, launchRate } satisfies FrameworksPlan,
      parse: (raw) => FromFrameworks.parse(raw),
    });
    await this.#worker.hear((message) => (message.kind === 'ready' ? message : undefined));
    return registered;
  }

  /** When the frameworks have seen the first offer of a later term accepted. */
  newTerm(): Promise<NewTerm> {
    return this.#worker.hear((message) => (message.kind === 'newTerm' ? message : undefined));
  }

  async counts(): Promise<Counts> {
    const answer = this.#worker.hear((message) =>
      message.kind === 'counts' ? message : undefined,
    );
    this.tell({ kind: 'count' });
    return answer;
  }

  tell(message: ToFrameworks): void {
    this.#worker.tell(message);
  }

  override async close(): Promise<void> {
    await this.#frameworks?.close();
    await super.close();
  }

  get #worker(): Worker<ToFrameworks, FromFrameworks> {
    if (this.#frameworks === undefined) throw new Error('the frameworks were not started');
    return this.#frameworks;
  }
}
