#!/usr/bin/env node
// Owns the gateway's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments.
import { once } from 'node:events';
import { systemClock } from '@parley/actor/nats/system-clock';
import { readServiceArguments } from '@parley/actor/service-arguments';
import { keepCompiledCode } from '@parley/telemetry/compiled-code';
import { createDebugToggle, createLogger, type Logger } from '@parley/telemetry/logger';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import { GATEWAY_OPTIONS, type GatewayConfig, readGatewayConfig, USAGE } from './config.ts';
import { readWindowOptions, serveWindow, type WindowOptions } from './console/window-server.ts';
import { openGateway } from './gateway.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const window = readWindowOptions(words);
  if (!window.ok) return complain(window.failure.message);
  if (window.value !== undefined) return await showWindow(window.value);
  const service = readServiceArguments('operator', words, GATEWAY_OPTIONS);
  if (!service.ok) return complain(service.failure.message);
  const { identity, logLevel: level, own } = service.value;
  const config = readGatewayConfig(own);
  if (!config.ok) return complain(config.failure.message);
  const logger = createLogger({ service: 'gateway', actorId: identity.actor.id, level });
  process.on('SIGUSR2', createDebugToggle(logger));
  try {
    return await serve(identity, config.value, logger);
  } catch (error) {
    logger.error({ why: error instanceof Error ? error.message : String(error) }, 'cannot go on');
    return 1;
  }
}

async function serve(
  identity: Parameters<typeof openGateway>[0],
  config: GatewayConfig,
  logger: Logger,
): Promise<number> {
  const gateway = await openGateway(identity, config, logger);
  if (!gateway.ok) {
    logger.error({ why: gateway.failure.message }, 'cannot go on');
    return 1;
  }
  const { url, ended, close } = gateway.value;
  const manager = attendServiceManager({
    ...{ logger, status: () => `answers at ${url}` },
    environment: process.env,
  });
  logger.info({ url }, 'started');
  manager.ready();
  keepCompiledCode();
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  try {
    await Promise.race([stopped, ended]);
  } finally {
    manager.stopping();
    await close();
  }
  logger.info('stopped');
  return 0;
}

/** For whoever has typed it: until it is asked to stop. */
async function showWindow(options: WindowOptions): Promise<number> {
  const logger = createLogger({ service: 'gateway', actorId: 'window', level: 'info' });
  const served = await serveWindow(options, { logger, nowMs: () => systemClock.nowMs() });
  if (!served.ok) {
    process.stderr.write(`gateway: ${served.failure.message}\n`);
    return 1;
  }
  logger.info({ url: served.value.url }, 'started');
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await served.value.close();
  return 0;
}

function complain(message: string): number {
  process.stderr.write(`gateway: ${message}\n${USAGE}\n`);
  return 2;
}
