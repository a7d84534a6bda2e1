// Owns the frameworks that take every offer, as whoever measures sees them: a process that is started, asked and ended.
import path from 'node:path';
import type { EmulatedCluster } from '../emulated/emulated-cluster.ts';
import { PRINCIPALS } from '../emulated/emulated-server.ts';
import { Worker } from '../emulated/worker.ts';
import { type Figures, FromTakers, type TakersPlan, type ToTakers } from './taker-messages.ts';

const TAKERS = path.join(import.meta.dirname, 'taker-process.ts');

export type Load = {
  readonly frameworks: number;
  readonly taskSeconds: number;
  readonly deviationSeconds: number;
};

/** The process of the frameworks that take every offer. */
export class Takers {
  readonly #worker: Worker<ToTakers, FromTakers>;
  readonly #totals = { launched: 0, finished: 0, failed: 0, refused: 0 };

  private constructor(worker: Worker<ToTakers, FromTakers>) {
    this.#worker = worker;
  }

  /** Resolves when all are subscribed. */
  static async start(cluster: EmulatedCluster, plan: Load): Promise<Takers> {
    const { frameworks, taskSeconds: meanSeconds, deviationSeconds } = plan;
    const credentials = PRINCIPALS.map((name) => cluster.server.credential('principal', name));
    const told: TakersPlan = { credentials, frameworks, meanSeconds, deviationSeconds };
    const parse = (raw: unknown): FromTakers => FromTakers.parse(raw);
    const worker = new Worker<ToTakers, FromTakers>({
      name: 'the frameworks',
      ...{ file: TAKERS, plan: told, parse },
    });
    await worker.hear(({ kind }) => (kind === 'ready' ? true : undefined));
    return new Takers(worker);
  }

  /** Of all figures that were asked for. */
  get totals(): Readonly<Record<'launched' | 'finished' | 'failed' | 'refused', number>> {
    return { ...this.#totals };
  }

  get pid(): number {
    return this.#worker.pid;
  }

  /** Since the last ones. */
  figures(): Promise<Figures> {
    return this.#ask('tell');
  }

  /** Agents that are offered, and the first accept, are counted anew from now on. */
  mark(): Promise<Figures> {
    return this.#ask('mark');
  }

  /** Takes no more offers. */
  drain(): Promise<Figures> {
    return this.#ask('drain');
  }

  async #ask(kind: ToTakers['kind']): Promise<Figures> {
    const told = this.#worker.hear((message) => (message.kind === 'figures' ? message : undefined));
    this.#worker.tell({ kind });
    const figures = await told;
    for (const name of ['launched', 'finished', 'failed', 'refused'] as const) {
      this.#totals[name] += figures[name];
    }
    return figures;
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
