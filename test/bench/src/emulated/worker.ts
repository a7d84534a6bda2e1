// Owns a process of the benchmark itself that carries a part of the load, so that what measures does not wait for it: started
// with a plan, told things, and what it says back.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const ANSWER_MS = 180_000;

/** `Told` must be what JSON can carry. */
export class Worker<Told, Said> {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(message: Said) => void>();
  readonly #ended: Promise<never>;

  /** `plan` is the one argument of the module `file`, as JSON; `parse` throws where a message is none. */
  constructor(how: {
    readonly name: string;
    readonly file: string;
    readonly plan: unknown;
    readonly parse: (raw: unknown) => Said;
  }) {
    this.#name = how.name;
    this.#child = fork(how.file, [JSON.stringify(how.plan)], { stdio: ['ignore', 2, 2, 'ipc'] });
    this.#child.on('message', (raw) => {
      const message = how.parse(raw);
      for (const listener of this.#listeners) listener(message);
    });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error(`the process of ${how.name} has ended`);
    });
    // Nobody may be waiting when it is told to end.
    this.#ended.catch(() => undefined);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`the process of ${this.#name} could not be started`);
    return pid;
  }

  tell(message: Told): void {
    this.#child.send(message as object);
  }

  /** The next message that `pick` knows. Rejects when none comes in three minutes, or the process ends. */
  async hear<Wanted>(pick: (message: Said) => Wanted | undefined): Promise<Wanted> {
    const heard = Promise.withResolvers<Wanted>();
    const listener = (message: Said): void => {
      const picked = pick(message);
      if (picked !== undefined) heard.resolve(picked);
    };
    this.#listeners.add(listener);
    const seconds = ANSWER_MS / 1000;
    const timer = setTimeout(
      () => heard.reject(new Error(`${this.#name} said nothing in ${seconds} s`)),
      ANSWER_MS,
    );
    try {
      return await Promise.race([heard.promise, this.#ended]);
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
