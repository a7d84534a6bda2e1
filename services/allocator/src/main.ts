#!/usr/bin/env node
// Owns the allocator's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments.
import { readServiceArguments } from '@parley/actor/service-arguments';
import { keepCompiledCode } from '@parley/telemetry/compiled-code';
import { createDebugToggle, createLogger, type Logger } from '@parley/telemetry/logger';
import { Metrics } from '@parley/telemetry/metrics';
import { readMetricsOptions, tellMetrics } from '@parley/telemetry/metrics-server';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import { ALLOCATOR_OPTIONS, readInterval, USAGE } from './config.ts';
import { type RunningAllocator, runAllocator } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const service = readServiceArguments('allocator', words, ALLOCATOR_OPTIONS);
  if (!service.ok) return complain(service.failure.message);
  const { identity, logLevel: level, own } = service.value;
  const interval = readInterval(own);
  if (!interval.ok) return complain(interval.failure.message);
  const place = readMetricsOptions(own);
  if (!place.ok) return complain(place.failure.message);
  const intervalMs = interval.value;
  const logger = createLogger({ service: 'allocator', actorId: identity.actor.id, level });
  const metrics = place.value && new Metrics('allocator');
  let allocator: RunningAllocator | undefined;
  const told = await tellMetrics(place.value, metrics, {
    logger,
    readiness: () => ({ ready: allocator?.isReady() === true, status: allocator?.status() }),
  });
  if (!told.ok) return cannotGoOn(logger, told.failure.message);
  const running = runAllocator(identity, { logger, intervalMs, metrics });
  allocator = running;
  const manager = attendServiceManager({
    ...{ logger, status: () => running.status() },
    environment: process.env,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      manager.stopping();
      running.stop();
    });
  }
  process.on('SIGUSR2', createDebugToggle(logger));
  logger.info({ intervalMs }, 'started');
  manager.ready();
  keepCompiledCode();
  const why = await running.ended;
  await told.value.close();
  if (why === undefined) {
    logger.info('stopped');
    return 0;
  }
  return cannotGoOn(logger, why);
}

function cannotGoOn(logger: Logger, why: string): number {
  logger.error({ why }, 'cannot go on');
  return 1;
}

function complain(message: string): number {
  process.stderr.write(`allocator: ${message}\n${USAGE}\n`);
  return 2;
}
