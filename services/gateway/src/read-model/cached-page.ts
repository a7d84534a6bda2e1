// Owns keeping a page that is dear to make for as long as it is true, and for a moment longer where much happens; whoever
// asks meanwhile gets the same one.

/** How long a page is shown though the books have changed since. */
const KEEP_MS = 250;

type Page = { readonly sequence: number; readonly madeMs: number; readonly bytes: Buffer };
export type Made = { readonly bytes: Buffer; readonly sequence: number };

export class CachedPage {
  readonly #make: () => Promise<Made>;
  readonly #sequence: () => number;
  readonly #nowMs: () => number;
  #page: Page | undefined;
  #making: Promise<Page> | undefined;

  /** `sequence`: of the books now. `make` tells of which entry it is. */
  constructor(options: {
    readonly make: () => Promise<Made>;
    readonly sequence: () => number;
    readonly nowMs: () => number;
  }) {
    this.#make = options.make;
    this.#sequence = options.sequence;
    this.#nowMs = options.nowMs;
  }

  async get(): Promise<Buffer> {
    const page = this.#page;
    if (page !== undefined && this.#isGood(page)) return page.bytes;
    this.#making ??= this.#remake();
    return (await this.#making).bytes;
  }

  /** Makes it and keeps nothing of it: what it is made of is there afterwards, and its code is known to be hot. */
  async rehearse(): Promise<void> {
    await this.#make();
  }

  #isGood({ sequence, madeMs }: Page): boolean {
    return sequence === this.#sequence() || this.#nowMs() - madeMs < KEEP_MS;
  }

  async #remake(): Promise<Page> {
    try {
      const { bytes, sequence } = await this.#make();
      this.#page = { bytes, sequence, madeMs: this.#nowMs() };
      return this.#page;
    } finally {
      this.#making = undefined;
    }
  }
}
