// Owns how a service writes its log: one JSON object a line, who wrote it in every line, secrets taken out, and a
// level that can be changed while it runs. What is worth a line is for the services to say.
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

/** What an actor does with its log. */
export type ActorLog = Record<
  'debug' | 'info' | 'warn' | 'error',
  { (fields: object, message: string): void; (message: string): void }
>;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LoggerOptions = {
  /** Name of the service: master, allocator, agent ... */
  readonly service: string;
  readonly actorId: string;
  readonly level?: LogLevel;
  /** A file to append to, or a stream; standard output when left out. */
  readonly destination?: string | DestinationStream;
};

const REDACTED = '[secret]';
const SECRET_FIELDS = ['seed', 'seeds', 'creds', 'credential', 'password', 'token', 'jwt'];
/** Seeds of NATS keys (prefix, then base32) and JSON web tokens, wherever they stand: also inside messages. */
const SECRET_TEXT = /\bS[ACNOUX][A-Z2-7]{56}\b|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+/g;

/**
 * A logger of one actor. `child({ taskId })` makes one that adds a field to every line; the level of a child that
 * was made before a change of level stays as it was, so children are made for short uses only.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { service, actorId, level = 'info', destination: target = 1 } = options;
  const stream = typeof target === 'object' ? target : logFile(target);
  return pino(
    {
      level,
      base: { service, actorId, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: REDACTED,
      },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => line.replace(SECRET_TEXT, REDACTED) },
    },
    stream,
  );
}

/** Bytes of lines that wait while the disk is full; what comes beyond is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** A log that cannot be written must not end the service: its lines wait, then are dropped. */
function logFile(target: string | number): DestinationStream {
  const file = destination({ dest: target, sync: true, maxLength: MAX_WAITING_BYTES });
  file.on('error', () => undefined);
  return file;
}

/** Sets the level, says so, and gives the one before; for the `control.logLevel` request. */
export function changeLevel(logger: Logger, level: LogLevel): LogLevel {
  const previous = levelOf(logger);
  logger.level = level;
  logger.info({ previous, level }, 'log level changed');
  return previous;
}

/** Between `debug` and what was there before (`info` when it was `debug` from the start): for SIGUSR2. */
export function createDebugToggle(logger: Logger): () => LogLevel {
  let before: LogLevel = levelOf(logger) === 'debug' ? 'info' : levelOf(logger);
  return () => {
    const present = levelOf(logger);
    if (present !== 'debug') before = present;
    logger.level = present === 'debug' ? before : 'debug';
    return levelOf(logger);
  };
}

function levelOf(logger: Logger): LogLevel {
  return LOG_LEVELS.find((level) => level === logger.level) ?? 'info';
}
