// Owns waiting for something new for a while: one side tells that there is, any number of others wait for it.

export class News {
  readonly #waiting = new Set<() => void>();

  /** Whoever waits now goes on; whoever asks later waits for the next time. */
  tell(): void {
    for (const goOn of [...this.#waiting]) goOn();
  }

  /** Until the next time, or so long at most. */
  next(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const goOn = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(goOn);
        resolve();
      };
      const timer = setTimeout(goOn, waitMs);
      this.#waiting.add(goOn);
    });
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }
}
