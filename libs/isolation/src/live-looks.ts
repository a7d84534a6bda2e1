// Answers for many units at once whether each lives: whoever asks while a look at all of them is awaited shares it, since
// systemd tells of all as quickly as of one.

export class LiveLooks {
  readonly #list: () => Promise<ReadonlySet<string>>;
  #next: Promise<ReadonlySet<string>> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  constructor(list: () => Promise<ReadonlySet<string>>) {
    this.#list = list;
  }

  /** By a look that begins after the question, so that what started before it is seen. Rejects when nobody can tell. */
  async isAlive(unit: string): Promise<boolean> {
    this.#next ??= this.#lookAfter(this.#current);
    return (await this.#next).has(unit);
  }

  async #lookAfter(before: Promise<unknown>): Promise<ReadonlySet<string>> {
    await before.catch(() => undefined);
    this.#next = undefined;
    const look = this.#list();
    this.#current = look;
    return look;
  }
}
