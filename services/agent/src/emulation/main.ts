// Owns the process of an emulation: begins it, and ends it on a signal. Unlike an agent's, its end is the end of its tasks.
import { setTimeout as wait } from 'node:timers/promises';
import { createDebugToggle, createLogger } from '@parley/telemetry/logger';
import { EMULATION_USAGE, readEmulationConfig } from './config.ts';
import { Emulation } from './effects.ts';

const STOP_LIMIT_MS = 10_000;

/** Ends the process. `refuse`: with a message and an exit code. */
export async function runEmulation(
  argv: readonly string[],
  refuse: (message: string, code: number) => never,
): Promise<void> {
  if (argv.includes('--help')) {
    process.stdout.write(EMULATION_USAGE);
    return;
  }
  const config = readEmulationConfig(argv);
  if (!config.ok) refuse(`${config.failure.message}\n\n${EMULATION_USAGE}`, 2);
  const { identity, logLevel: level, agents, connections, total } = config.value;
  const logger = createLogger({ service: 'agent', actorId: identity.actor.id, level });
  logger.warn({ agents, connections, total }, 'agents are emulated: tasks are slept, not run');
  const toggleDebug = createDebugToggle(logger);
  process.on('SIGUSR2', () => logger.warn({ level: toggleDebug() }, 'log level changed'));
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stopping.abort(signal);
      stopped.resolve();
    });
  }
  const emulation = new Emulation(config.value, logger, (reason) => {
    refuse(`the bus does not accept this emulation any more: ${reason}`, 1);
  });
  const started = await emulation.start(stopping.signal);
  if (!started.ok && !stopping.signal.aborted) refuse(started.failure.message, 1);
  await emulation.settled(stopping.signal);
  await stopped.promise;
  logger.info({ signal: stopping.signal.reason }, 'the emulation ends, and its tasks with it');
  await Promise.race([emulation.stop(), wait(STOP_LIMIT_MS)]);
  process.exit(0);
}
