// Owns taking the processor time of the thread that calls, by what it is spent on. The thread's own clock moves in steps of
// milliseconds on some kernels, which is too coarse for parts that are over sooner: each part's share of the time that passed is
// taken, and of the processor time that the thread was given meanwhile it gets that share. What others do on the machine stretches
// all parts alike, and so does not count; what the collector does in this thread does.

export class Stopwatch<Part extends string> {
  #passed = new Map<Part, number>();
  #beganMs = performance.now();
  #beganCpu = process.threadCpuUsage();

  /** Parts are not taken within each other. */
  run<Value>(part: Part, work: () => Value): Value {
    const beganMs = performance.now();
    const value = work();
    this.#passed.set(part, (this.#passed.get(part) ?? 0) + performance.now() - beganMs);
    return value;
  }

  /** Microseconds of each part since the last call, which is to be a tenth of a second ago or more. */
  take(): ReadonlyMap<Part, number> {
    const { user, system } = process.threadCpuUsage(this.#beganCpu);
    const share = (user + system) / (performance.now() - this.#beganMs);
    const taken = new Map([...this.#passed].map(([part, ms]) => [part, ms * share] as const));
    this.#passed = new Map();
    this.#beganMs = performance.now();
    this.#beganCpu = process.threadCpuUsage();
    return taken;
  }
}
