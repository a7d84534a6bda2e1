// Owns that a benchmark leaves no cluster behind when it is interrupted: what was started is told here, and is stopped before the
// process ends.
const started = new Set<() => Promise<void>>();

/** Gives what takes it back, once it was stopped in the ordinary way. */
export function stopWhenInterrupted(stop: () => Promise<void>): () => void {
  started.add(stop);
  return () => void started.delete(stop);
}

/** From now on an interruption ends the process, with the status that shells know for it; a second one changes nothing. */
export function heedInterruptions(): void {
  let isStopping = false;
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      process.stderr.write(`${signal}: what was started is stopped\n`);
      const stopping = [...started].map((stop) => stop());
      void Promise.allSettled(stopping).then(() => process.exit(status));
    });
  }
}
