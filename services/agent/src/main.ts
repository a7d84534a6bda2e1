// The agent's process: reads what it is told, refuses a host that cannot do it, connects, and ends on a signal
// leaving its tasks running. What an agent does is in supervisor.ts and effects.ts.
import { setTimeout as wait } from 'node:timers/promises';
import { logConnection } from '@parley/actor/nats/connection-watch';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { leaveWhenUnled } from '@parley/actor/nats/server-watch';
import { keepCompiledCode } from '@parley/telemetry/compiled-code';
import { createDebugToggle, createLogger, type Logger } from '@parley/telemetry/logger';
import { Metrics } from '@parley/telemetry/metrics';
import { tellMetrics } from '@parley/telemetry/metrics-server';
import { attendServiceManager } from '@parley/telemetry/service-manager';
import type { NatsConnection } from 'nats';
import { lockWorkDirectory } from './agent-lock.ts';
import { AgentMeter } from './agent-meter.ts';
import { type AgentConfig, readConfig, USAGE } from './config.ts';
import { confines, prepareConfinement } from './confinement-setup.ts';
import { AgentShell } from './effects.ts';
import { isEmulation } from './emulation/config.ts';
import { runEmulation } from './emulation/main.ts';
import { type PreparedIsolation, prepareIsolation } from './isolation-setup.ts';

const CONNECT_AGAIN_MS = 500;
/** Time to say goodbye in; then the process ends as it is. */
const STOP_LIMIT_MS = 10_000;
/** The exit code of an agent that an operator declared gone: to start it again serves nothing. */
const EXIT_GONE = 3;

function refuse(message: string, code: number): never {
  process.stderr.write(`parley agent: ${message}\n`);
  process.exit(code);
}

async function run(config: AgentConfig): Promise<void> {
  const { agentId, workDirectory, isolation: mode, launcher, privateSystemd, taskNetwork } = config;
  // Before anything is changed that an agent which runs here may be using.
  const lock = await lockWorkDirectory(workDirectory, process.pid);
  if (!lock.ok) refuse(lock.failure.message, 1);
  const isolation = await prepareIsolation({
    mode,
    launcher,
    agentId,
    workDirectory,
    privateSystemd,
    taskNetwork,
  });
  if (!isolation.ok) refuse(`this host cannot run tasks: ${isolation.failure.message}`, 1);
  const { confinement: choice, secretFiles } = config;
  const confinement = await prepareConfinement({
    ...{ choice, secretFiles, workDirectory },
    isolation: isolation.value,
  });
  if (!confinement.ok) refuse(`this host cannot run tasks: ${confinement.failure.message}`, 1);
  const logger = createLogger({ service: 'agent', actorId: agentId });
  warnOfFreedom(logger, isolation.value.kind, confines(choice.policy, isolation.value.kind));
  const how = { isolation: isolation.value.kind, launcher: isolation.value.launcher };
  logger.info({ ...how, total: config.total, workDirectory }, 'agent starts');
  const stopping = new AbortController();
  let isGone = false;
  const host = { ...isolation.value, confinement: confinement.value };
  const metrics = config.metrics && new Metrics('agent');
  const shell = new AgentShell(
    config,
    host,
    { logger, meter: metrics && new AgentMeter(metrics) },
    (why) => {
      isGone = true;
      stopping.abort(why);
    },
  );
  const told = await tellMetrics(config.metrics, metrics, {
    logger,
    readiness: () => ({ ready: shell.isConnected, status: shell.status }),
  });
  if (!told.ok) refuse(told.failure.message, 1);
  const manager = attendServiceManager({
    ...{ logger, status: () => shell.status },
    environment: process.env,
  });
  const toggleDebug = createDebugToggle(logger);
  process.on('SIGUSR2', () => logger.warn({ level: toggleDebug() }, 'log level changed'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => stopping.abort(signal));
  }
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // Connecting takes its time, and finding out what runs here takes its own.
  const connecting = connect(config, shell, logger, stopping.signal);
  await shell.recover();
  manager.ready();
  const bus = await Promise.race([connecting, stopped]);
  if (bus) shell.attach(bus);
  keepCompiledCode();
  await stopped;
  manager.stopping();
  const { reason } = stopping.signal;
  if (isGone)
    logger.error({ reason }, 'this agent was declared gone: its tasks are ended, it stops');
  else logger.info({ signal: reason }, 'agent stops; its tasks go on');
  await told.value.close();
  await Promise.race([shell.stop(), wait(STOP_LIMIT_MS)]);
  await lock.value.release();
  process.exit(isGone ? EXIT_GONE : 0);
}

function warnOfFreedom(
  logger: Logger,
  isolation: PreparedIsolation['kind'],
  isConfined: boolean,
): void {
  if (isolation === 'process') {
    logger.warn('tasks run as plain processes: nothing limits what they use (--isolation process)');
  }
  if (!isConfined) {
    logger.warn(
      'tasks are not confined: they see and may do what the agent does, and may read its credential; --confine default confines them',
    );
  }
}

/** Tries until there is a server; one that does not accept the credential ends the agent, its tasks go on. */
async function connect(
  config: AgentConfig,
  shell: AgentShell,
  logger: Logger,
  stopping: AbortSignal,
): Promise<NatsBus | undefined> {
  for (let attempt = 1; !stopping.aborted; attempt += 1) {
    const opened = await openConnection(config.identity);
    if (opened.ok) return busOf(opened.value, { config, shell, logger });
    const { code, message } = opened.failure;
    if (code === 'notPermitted') {
      logger.error({ reason: message }, 'the bus does not accept this agent');
      refuse(message, 1);
    }
    if (attempt === 1) logger.warn({ reason: message }, 'no bus yet; trying until there is one');
    await wait(CONNECT_AGAIN_MS);
  }
  return undefined;
}

type Surroundings = {
  readonly config: AgentConfig;
  readonly shell: AgentShell;
  readonly logger: Logger;
};

/** The agent ends when it is not wanted there any more. */
function busOf(connection: NatsConnection, { config, shell, logger }: Surroundings): NatsBus {
  logConnection(connection, 'control', logger);
  const bus = new NatsBus({
    connection,
    cluster: config.identity.cluster,
    onConnectedChange: (connected) => shell.connectedChanged(connected),
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: (reason) => {
      logger.error({ reason }, 'the bus does not accept this agent any more; its tasks go on');
      process.exit(1);
    },
  });
  leaveWhenUnled(bus, {
    ...config.identity,
    onLeave: (server) =>
      logger.warn({ server }, 'no leader is heard over this server: another one is tried'),
  });
  return bus;
}

const argv = process.argv.slice(2);
try {
  if (isEmulation(argv)) await runEmulation(argv, refuse);
  else if (argv.includes('--help')) process.stdout.write(USAGE);
  else {
    const config = readConfig(argv);
    if (!config.ok) refuse(`${config.failure.message}\n\n${USAGE}`, 2);
    await run(config.value);
  }
} catch (error) {
  refuse(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
}
