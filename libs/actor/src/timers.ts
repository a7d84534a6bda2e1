// Owns the port of waiting for shells: whoever lets time pass asks here, so that a process can be run in a time that is
// not the host's. What time it is, is in clock.ts.

export type TimerOptions = {
  /** False: that it waits does not keep the process alive. Absent: it does. */
  readonly ref?: boolean;
};

export interface Timers {
  wait(ms: number): Promise<void>;
  /** What has arrived goes first. */
  yieldToOthers(): Promise<void>;
  /** As soon as what has arrived by now is dealt with; the value takes it back. */
  soon(run: () => void): () => void;
  /** Once; the value takes it back. */
  after(ms: number, run: () => void, options?: TimerOptions): () => void;
  /** Again and again; the value ends it. */
  every(ms: number, run: () => void): () => void;
}
