// Owns waiting for something new for a while: one side tells that there is, any number of others wait for it.

export class News {
  #next = Promise.withResolvers<void>();

  /** Whoever waits now goes on; whoever asks later waits for the next time. */
  tell(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Until the next time, or so long at most. */
  next(waitMs: number): Promise<void> {
    const { promise } = this.#next;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      void promise.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
