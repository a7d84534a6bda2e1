// Owns the nats-server as a process: start it apart from its starter, know it again by pid and start time, wait for it
// to listen, notice its end, stop it. What it is told to do stands in its configuration file (config.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A pid alone may name another process later; with its start time it names one for good. */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number };

const POLL_MS = 50;
const WATCH_MS = 500;
const STOP_GRACE_MS = 15_000;
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * The server in a session of its own: it outlives its starter, and a Ctrl-C at the terminal does not reach it.
 * @param enter put before its command: leads into the namespaces that it is to run in, and becomes it
 * @returns undefined in `identity` when it ended at once
 */
export function spawnServer(
  binary: string,
  configFile: string,
  outputFile: string,
  enter: readonly string[] = [],
): { readonly child: ChildProcess; readonly identity: ProcessIdentity | undefined } {
  const output = openSync(outputFile, 'w', 0o600);
  try {
    const [program = binary, ...rest] = [...enter, binary, '--config', configFile];
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['ignore', output, output],
    });
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    return { child, identity };
  } finally {
    closeSync(output);
  }
}

/** @returns undefined when no such process runs; one that has ended and waits for its parent does not run */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are fixed (proc(5)): state, ..., start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTicks = Number(fields[19]);
    return fields[0] === 'Z' || Number.isNaN(startTicks) ? undefined : { pid, startTicks };
  } catch {
    // No such process: /proc has no entry for it.
    return undefined;
  }
}

export const isRunning = ({ pid, startTicks }: ProcessIdentity): boolean =>
  identify(pid)?.startTicks === startTicks;

/** Calls back once when the process has ended. The returned function ends the watch. */
export function watchEnd(identity: ProcessIdentity, onEnd: () => void): () => void {
  const timer = setInterval(() => {
    if (isRunning(identity)) return;
    clearInterval(timer);
    onEnd();
  }, WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** SIGTERM, and SIGKILL when it has not ended after 15 s. Returns when it has ended. */
export async function stopProcess(identity: ProcessIdentity): Promise<void> {
  if (isRunning(identity)) signal(identity, 'SIGTERM');
  if (await hasEnded(identity, STOP_GRACE_MS)) return;
  signal(identity, 'SIGKILL');
  await hasEnded(identity, STOP_GRACE_MS);
}

/** @returns false when the process has ended already */
export function signal({ pid }: ProcessIdentity, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

async function hasEnded(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  return waitFor(() => !isRunning(identity), timeoutMs);
}

/** @returns whether the condition came true within the time */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const endsAtMs = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() > endsAtMs) return false;
    await delay(POLL_MS);
  }
}

/** The name that the server on a port, of the loopback if not told, says it has; undefined when none answers there. */
export async function askServerName(port: number, host = '127.0.0.1'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let received = '';
    const finish = (name: string | undefined) => {
      socket.destroy();
      resolve(name);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
      const end = received.indexOf('\r\n');
      if (end >= 0) finish(serverNameIn(received.slice(0, end)));
    });
  });
}

/** The first line of every NATS server is `INFO {json}`. NATS docs, "Client protocol". */
function serverNameIn(line: string): string | undefined {
  if (!line.startsWith('INFO ')) return undefined;
  try {
    const info: unknown = JSON.parse(line.slice('INFO '.length));
    const named = typeof info === 'object' && info !== null && 'server_name' in info;
    return named && typeof info.server_name === 'string' ? info.server_name : undefined;
  } catch {
    // Something else listens there that also begins with INFO.
    return undefined;
  }
}

/** A loopback port that was free a moment ago: another process may take it before the server does. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
