#!/usr/bin/env node
// Owns the allocator's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments.
import { readServiceArguments, SERVICE_USAGE } from '@parley/actor/service-arguments';
import { createDebugToggle, createLogger } from '@parley/telemetry/logger';
import { runAllocator } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const service = readServiceArguments('allocator', words);
  if (!service.ok) return complain(service.failure.message);
  const { identity, logLevel: level } = service.value;
  const logger = createLogger({ service: 'allocator', actorId: identity.actor.id, level });
  const allocator = runAllocator(identity, logger);
  process.once('SIGTERM', () => allocator.stop());
  process.once('SIGINT', () => allocator.stop());
  process.on('SIGUSR2', createDebugToggle(logger));
  logger.info('started');
  const why = await allocator.ended;
  if (why === undefined) {
    logger.info('stopped');
    return 0;
  }
  logger.error({ why }, 'cannot go on');
  return 1;
}

function complain(message: string): number {
  process.stderr.write(
    `allocator: ${message}\nusage: parley allocator --creds FILE [options]\n${SERVICE_USAGE}\n`,
  );
  return 2;
}
