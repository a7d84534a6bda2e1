#!/usr/bin/env node
// Owns the allocator's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments.
import { createDebugToggle, createLogger } from '@parley/telemetry/logger';
import { readConfig, USAGE } from './config.ts';
import { readIdentity, runAllocator } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const config = readConfig(words);
  if (!config.ok) return complain(2, `${config.failure.message}\n${USAGE}`);
  const identity = readIdentity(config.value);
  if (!identity.ok) return complain(2, identity.failure.message);
  const { id } = identity.value;
  const { logLevel: level } = config.value;
  const logger = createLogger({ service: 'allocator', actorId: id, level });
  const allocator = runAllocator(identity.value, logger);
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

function complain(exitCode: number, message: string): number {
  process.stderr.write(`allocator: ${message}\n`);
  return exitCode;
}
