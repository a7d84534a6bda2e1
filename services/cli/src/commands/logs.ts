// Owns `parley logs SERVICE`: a service's log file, made readable, and its growth. It reads files of this host only.
import {
  createReadStream,
  existsSync,
  readdirSync,
  statSync,
  unwatchFile,
  watchFile,
} from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import type { Context } from '../context-store.ts';
import { currentContext, knownContexts } from './context.ts';

export type LogsHow = { readonly follow: boolean; readonly json: boolean };

const POLL_MS = 200;

/** Also of a cluster that has stopped, when it is named: its logs are still there. */
export async function logsCommand(
  surroundings: Surroundings,
  named: string | undefined,
  service: string,
  how: LogsHow,
): Promise<void> {
  const folder = await logFolder(surroundings, named);
  const file = path.join(folder, `${resolveService(folder, service)}.log`);
  const sink = how.json ? process.stdout : await readableSink();
  let offset = await copyFrom(file, 0, sink);
  if (!how.follow) return endSink(sink);
  const ended = Promise.withResolvers<void>();
  let copying = false;
  watchFile(file, { interval: POLL_MS }, (now) => {
    if (now.size < offset) offset = 0;
    if (copying || now.size === offset) return;
    copying = true;
    copyFrom(file, offset, sink).then((reached) => {
      offset = reached;
      copying = false;
    }, ended.reject);
  });
  process.once('SIGINT', () => ended.resolve());
  process.once('SIGTERM', () => ended.resolve());
  await ended.promise.finally(() => unwatchFile(file));
}

async function logFolder(surroundings: Surroundings, named: string | undefined): Promise<string> {
  const wanted = named ?? surroundings.context;
  if (wanted !== undefined) {
    const kept = path.join(surroundings.directory, wanted, 'logs');
    if (/^[A-Za-z0-9_-]+$/.test(wanted) && existsSync(kept)) return kept;
  }
  const known = await knownContexts(surroundings);
  const last = path.join(surroundings.directory, 'local', 'logs');
  if (wanted === undefined && !known.some((each) => each.isRunning) && existsSync(last))
    return last;
  return folderOf(await currentContext(surroundings, wanted));
}

function folderOf(context: Context): string {
  if (context.local !== undefined) return path.join(context.local.directory, 'logs');
  throw new CommandFailure(EXIT.usage, {
    what: `the logs of cluster ${context.name} are not on this host`,
    remedy: 'read them where its services run (systemd: journalctl -u parley-*)',
  });
}

/** A kind of service names the one of it, where there is only one. */
function resolveService(folder: string, service: string): string {
  const names = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith('.log'))
    .map((name) => name.slice(0, -'.log'.length));
  const exact = names.find((name) => name === service);
  const [first, ...more] = names.filter((name) => name.replace(/-\d+$/, '') === service);
  if (exact !== undefined) return exact;
  if (first !== undefined && more.length === 0) return first;
  throw new CommandFailure(EXIT.notFound, {
    what: `there is no log of ${service}`,
    why: names.length === 0 ? `${folder} is empty` : `there are: ${names.sort().join(', ')}`,
  });
}

async function readableSink(): Promise<Transform> {
  const { prettyFactory } = await import('pino-pretty');
  const options = { colorize: process.stdout.isTTY, translateTime: 'SYS:HH:MM:ss.l' };
  const pretty = prettyFactory({ ...options, ignore: 'pid,hostname,service,actorId' });
  let rest = '';
  const sink = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      done(null, lines.map((line) => readable(line, pretty)).join(''));
    },
    flush(done) {
      done(null, rest === '' ? '' : readable(rest, pretty));
    },
  });
  sink.pipe(process.stdout);
  return sink;
}

/** A line that is no JSON (a stack trace, a word of the runtime) stays as it is. */
function readable(line: string, pretty: (line: string) => string): string {
  return line.startsWith('{') ? pretty(line) : `${line}\n`;
}

type Sink = NodeJS.WritableStream;

/** Copies to the file's end as it is now; resolves with the offset reached. */
function copyFrom(file: string, offset: number, sink: Sink): Promise<number> {
  const end = statSync(file).size;
  if (end <= offset) return Promise.resolve(end);
  return new Promise((resolve, reject) => {
    const source = createReadStream(file, { start: offset, end: end - 1 });
    source.once('error', reject);
    source.once('end', () => resolve(end));
    source.pipe(sink, { end: false });
  });
}

function endSink(sink: Sink): Promise<void> {
  if (sink === process.stdout) return Promise.resolve();
  return new Promise((resolve) => sink.end(() => resolve()));
}
