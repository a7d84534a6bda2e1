// Owns small numbers for things that come and go: the smallest that nobody has, so that tables by number stay short.
export class NumberPool {
  readonly #free: number[] = [];
  #next = 0;

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#next += 1;
    return this.#next - 1;
  }

  giveBack(number: number): void {
    this.#free.push(number);
  }
}
