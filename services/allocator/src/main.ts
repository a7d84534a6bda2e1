#!/usr/bin/env node
// Owns the allocator's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments.
import { readServiceArguments } from '@parley/actor/service-arguments';
import { createDebugToggle, createLogger } from '@parley/telemetry/logger';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import { ALLOCATOR_OPTIONS, readInterval, USAGE } from './config.ts';
import { runAllocator } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const service = readServiceArguments('allocator', words, ALLOCATOR_OPTIONS);
  if (!service.ok) return complain(service.failure.message);
  const { identity, logLevel: level, own } = service.value;
  const interval = readInterval(own);
  if (!interval.ok) return complain(interval.failure.message);
  const intervalMs = interval.value;
  const logger = createLogger({ service: 'allocator', actorId: identity.actor.id, level });
  const allocator = runAllocator(identity, { logger, intervalMs });
  const manager = attendServiceManager({
    ...{ logger, status: () => allocator.status() },
    environment: process.env,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      manager.stopping();
      allocator.stop();
    });
  }
  process.on('SIGUSR2', createDebugToggle(logger));
  logger.info({ intervalMs }, 'started');
  manager.ready();
  const why = await allocator.ended;
  if (why === undefined) {
    logger.info('stopped');
    return 0;
  }
  logger.error({ why }, 'cannot go on');
  return 1;
}

function complain(message: string): number {
  process.stderr.write(`allocator: ${message}\n${USAGE}\n`);
  return 2;
}
