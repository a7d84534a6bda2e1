#!/usr/bin/env node
// Owns the master's process: arguments, signals, exit code. 0: asked to stop; 1: it cannot go on; 2: wrong arguments,
// or a bad file of rules.
import { readServiceArguments } from '@parley/actor/service-arguments';
import { keepCompiledCode } from '@parley/telemetry/compiled-code';
import { createDebugToggle, createLogger, type Logger } from '@parley/telemetry/logger';
import { Metrics } from '@parley/telemetry/metrics';
import { readMetricsOptions, tellMetrics } from '@parley/telemetry/metrics-server';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import { AuthorizationSource } from './authorization-source.ts';
import { readEdgeSettings, readSettings, SETTING_OPTIONS, USAGE } from './config.ts';
import { type RunningMaster, readRulesFile, runMaster } from './effects.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const service = readServiceArguments('master', words, SETTING_OPTIONS);
  if (!service.ok) return complain(`${service.failure.message}\n${USAGE}`);
  const { identity, logLevel: level, own } = service.value;
  const settings = readSettings(own);
  if (!settings.ok) return complain(`${settings.failure.message}\n${USAGE}`);
  const edge = readEdgeSettings(own);
  if (!edge.ok) return complain(`${edge.failure.message}\n${USAGE}`);
  const place = readMetricsOptions(own);
  if (!place.ok) return complain(`${place.failure.message}\n${USAGE}`);
  const logger = createLogger({ service: 'master', actorId: identity.actor.id, level });
  const { rateLimits, authorizationFile } = edge.value;
  const authorization = new AuthorizationSource(
    authorizationFile === undefined ? undefined : () => readRulesFile(authorizationFile),
    logger,
  );
  const read = await authorization.reload();
  if (!read.ok) return complain(`--authorization: ${read.failure.message}`);
  process.on('SIGHUP', () => void authorization.reload());
  const metrics = place.value && new Metrics('master');
  let master: RunningMaster | undefined;
  const told = await tellMetrics(place.value, metrics, {
    logger,
    readiness: () => ({ ready: master?.isReady() === true, status: master?.status() }),
  });
  if (!told.ok) return cannotGoOn(logger, told.failure.message);
  const running = runMaster({
    identity,
    metrics,
    settings: settings.value,
    rateLimits,
    authorization,
    logger,
    words,
  });
  master = running;
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
  logger.info('started');
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
  process.stderr.write(`master: ${message}\n`);
  return 2;
}
