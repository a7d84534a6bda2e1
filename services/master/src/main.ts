#!/usr/bin/env node
// Owns the master's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments,
// or a bad file of rules.
import { readServiceArguments } from '@parley/actor/service-arguments';
import { createDebugToggle, createLogger } from '@parley/telemetry/logger';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import { AuthorizationSource } from './authorization-source.ts';
import { readEdgeSettings, readSettings, SETTING_OPTIONS, USAGE } from './config.ts';
import { readRulesFile, runMaster } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const service = readServiceArguments('master', words, SETTING_OPTIONS);
  if (!service.ok) return complain(`${service.failure.message}\n${USAGE}`);
  const { identity, logLevel: level, own } = service.value;
  const settings = readSettings(own);
  if (!settings.ok) return complain(`${settings.failure.message}\n${USAGE}`);
  const edge = readEdgeSettings(own);
  if (!edge.ok) return complain(`${edge.failure.message}\n${USAGE}`);
  const logger = createLogger({ service: 'master', actorId: identity.actor.id, level });
  const { rateLimits, authorizationFile } = edge.value;
  const authorization = new AuthorizationSource(
    authorizationFile === undefined ? undefined : () => readRulesFile(authorizationFile),
    logger,
  );
  const read = await authorization.reload();
  if (!read.ok) return complain(`--authorization: ${read.failure.message}`);
  process.on('SIGHUP', () => void authorization.reload());
  const master = runMaster({
    identity,
    settings: settings.value,
    rateLimits,
    authorization,
    logger,
    words,
  });
  const manager = attendServiceManager({
    ...{ logger, status: () => master.status() },
    environment: process.env,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      manager.stopping();
      master.stop();
    });
  }
  process.on('SIGUSR2', createDebugToggle(logger));
  logger.info('started');
  manager.ready();
  const why = await master.ended;
  if (why === undefined) {
    logger.info('stopped');
    return 0;
  }
  logger.error({ why }, 'cannot go on');
  return 1;
}

function complain(message: string): number {
  process.stderr.write(`master: ${message}\n`);
  return 2;
}
