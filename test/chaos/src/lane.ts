// Owns one direction of a proxied connection: writes each frame when its time has come, in order or apart from it.
// When that is, is decided in disturbance.ts.
import type { Passing } from './disturbance.ts';

type Waiting = { readonly bytes: Buffer; readonly dueMs: number };
export type LaneOptions = {
  readonly write: (bytes: Buffer) => void;
  readonly nowMs: () => number;
};

export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: Waiting[] = [];
  readonly #apart = new Set<NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  send(bytes: Buffer, { keepsOrder, lateMs, copyLateMs }: Passing): void {
    if (copyLateMs !== undefined) this.#later(bytes, lateMs + copyLateMs);
    if (!keepsOrder) {
      this.#later(bytes, lateMs);
      return;
    }
    const dueMs = Math.max(this.#queue.at(-1)?.dueMs ?? 0, this.#options.nowMs() + lateMs);
    if (this.#queue.length === 0 && lateMs === 0) {
      this.#options.write(bytes);
      return;
    }
    this.#queue.push({ bytes, dueMs });
    this.#arm();
  }

  /** What waits is lost, as with any connection that ends. */
  close(): void {
    clearTimeout(this.#timer);
    for (const timer of this.#apart) clearTimeout(timer);
    this.#queue.length = 0;
    this.#apart.clear();
  }

  #later(bytes: Buffer, lateMs: number): void {
    const timer = setTimeout(() => {
      this.#apart.delete(timer);
      this.#options.write(bytes);
    }, lateMs);
    this.#apart.add(timer);
  }

  #arm(): void {
    const [first] = this.#queue;
    if (this.#timer !== undefined || first === undefined) return;
    const inMs = Math.max(0, first.dueMs - this.#options.nowMs());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writeDue();
      this.#arm();
    }, inMs);
  }

  #writeDue(): void {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined || first.dueMs > this.#options.nowMs()) return;
      this.#queue.shift();
      this.#options.write(first.bytes);
    }
  }
}
