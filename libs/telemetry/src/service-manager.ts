// Owns what a service tells the systemd that started it, as sd_notify(3) has it: that it is ready, what it does, that its
// event loop turns (systemd.service(5), WatchdogSec=), that it stops. A service that something else started tells nobody.
import { execFile } from 'node:child_process';
import type { ActorLog } from './logger.ts';

/** Says words to whoever listens at the socket. Fails where it cannot. */
export type Tell = (socket: string, words: readonly string[]) => Promise<void>;

export type ServiceManagerOptions = {
  readonly logger: Pick<ActorLog, 'warn'>;
  /** What the service does now, in a few words: asked for again and again. */
  readonly status: () => string;
  /** NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are taken out: programs that the service starts do not speak for it. */
  readonly environment: NodeJS.ProcessEnv;
  readonly tell?: Tell;
};

export type ServiceManager = {
  /** To be called once, when the service works: from now on it says that it lives. */
  ready(): void;
  /** Its end has begun. */
  stopping(): void;
};

/** Beats in the time after which systemd takes the service for hung; sd_watchdog_enabled(3) wants two at least. */
const BEATS_IN_TIME = 3;
/** Of a look at the status where nobody asks for signs of life. */
const STATUS_MS = 10_000;
const TELL_TIMEOUT_MS = 10_000;
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';

export function attendServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { logger, status, environment, tell = systemdNotify } = options;
  const {
    NOTIFY_SOCKET: socket,
    WATCHDOG_USEC: watchdogUsec,
    WATCHDOG_PID: watchdogPid,
  } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined) return { ready: () => undefined, stopping: () => undefined };
  const isWatched =
    watchdogUsec !== undefined && (watchdogPid ?? String(process.pid)) === String(process.pid);
  const beatMs = isWatched
    ? Math.max(1, Math.floor(Number(watchdogUsec) / 1000 / BEATS_IN_TIME))
    : STATUS_MS;
  let told: string | undefined;
  let hasFailed = false;
  let last = Promise.resolve();
  /** One after the other: what is said later is heard later. */
  const say = (...words: readonly string[]): void => {
    const present = status();
    const isNew = present !== told;
    told = present;
    const all = isNew ? [...words, `STATUS=${present}`] : words;
    if (all.length === 0) return;
    last = last.then(async () => {
      try {
        await tell(socket, all);
        hasFailed = false;
      } catch (err) {
        if (!hasFailed) logger.warn({ err }, 'systemd cannot be told how this service is');
        hasFailed = true;
        told = undefined;
      }
    });
  };
  return {
    ready: () => {
      say('READY=1');
      setInterval(() => say(...(isWatched ? ['WATCHDOG=1'] : [])), beatMs).unref();
    },
    stopping: () => {
      say('STOPPING=1');
    },
  };
}

/** By systemd's own program: Node has no datagram sockets of files. It waits until systemd has heard it. */
const systemdNotify: Tell = (socket, words) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const env = { PATH: SYSTEM_PATH, NOTIFY_SOCKET: socket };
  execFile('systemd-notify', [...words], { env, timeout: TELL_TIMEOUT_MS }, (error) => {
    if (error === null) resolve();
    else reject(error);
  });
  return promise;
};
