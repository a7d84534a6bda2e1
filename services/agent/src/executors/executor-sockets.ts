// Owns the unix sockets on which custom executors reach their agent: one an executor, in its sandbox, for its own user
// alone. It cuts what arrives into messages and ends a connection that speaks nonsense; what they say it does not know.
import { type FileHandle, lchown, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { encodeFrame, FrameReader } from '@parley/protocol/executor-frames';
import { FromExecutor, type ToExecutor } from '@parley/protocol/executors';
import type { ConnectionNumber } from './executor-messages.ts';

/** Its name in the sandbox. */
export const SOCKET_NAME = 'agent.sock';
/** `sun_path` holds 108 bytes, the last of which is null (unix(7)). */
const MAX_PATH_BYTES = 107;
/** An executor needs one connection; a lost one may not have been noticed when the next is there. */
const MAX_CONNECTIONS = 4;
/** An executor that does not read what it is sent loses messages first, then the connection. Bytes. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

/** Numbers for connections, each given once. */
export function connectionNumbers(): () => ConnectionNumber {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}

export type SocketHandlers = {
  readonly onMessage: (connection: ConnectionNumber, message: FromExecutor) => void;
  readonly onClosed: (connection: ConnectionNumber) => void;
  /** A connection was ended because of what was said on it, or because it was not read. */
  readonly onFault: (reason: string) => void;
};

type Listening = {
  readonly server: Server;
  readonly directory: FileHandle;
  readonly sockets: ReadonlySet<Socket>;
};

/** What an executor's environment says: a path that its system calls take, if only from the sandbox. */
export function socketPathFor(sandboxDirectory: string): string {
  const whole = path.join(sandboxDirectory, SOCKET_NAME);
  return Buffer.byteLength(whole) <= MAX_PATH_BYTES ? whole : SOCKET_NAME;
}

export class ExecutorSockets {
  readonly #listening = new Map<string, Listening>();
  readonly #connections = new Map<ConnectionNumber, Socket>();
  readonly #nextNumber: () => ConnectionNumber;

  constructor(nextNumber: () => ConnectionNumber = connectionNumbers()) {
    this.#nextNumber = nextNumber;
  }

  /** Listens in this sandbox, also where an earlier process of the agent did. Rejects with the file error. */
  async open(sandboxDirectory: string, handlers: SocketHandlers): Promise<void> {
    await this.close(sandboxDirectory);
    await rm(path.join(sandboxDirectory, SOCKET_NAME), { force: true });
    const directory = await open(sandboxDirectory, 'r');
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      this.#accept(socket, handlers);
    });
    server.maxConnections = MAX_CONNECTIONS;
    try {
      // However long the path of the sandbox is, this one is short.
      const place = `/proc/self/fd/${directory.fd}/${SOCKET_NAME}`;
      await listen(server, place);
      // The executor's user may be another than this one; a link that it put there meanwhile is not followed.
      const { uid, gid } = await directory.stat();
      await lchown(place, uid, gid);
    } catch (error) {
      await directory.close();
      throw error;
    }
    server.on('error', (error) => handlers.onFault(error.message));
    this.#listening.set(sandboxDirectory, { server, directory, sockets });
  }

  /** Ends the connections too. */
  async close(sandboxDirectory: string): Promise<void> {
    const listening = this.#listening.get(sandboxDirectory);
    if (listening === undefined) return;
    this.#listening.delete(sandboxDirectory);
    // Closing removes the socket by its path, so the directory stays open until then.
    listening.server.close(() => void listening.directory.close());
    // Somebody may hold one although the executor has exited, and would keep all of this open.
    for (const socket of listening.sockets) socket.destroy();
  }

  /** False when it was not sent: the connection is gone, or does not take any more. */
  send(connection: ConnectionNumber, message: ToExecutor): boolean {
    const socket = this.#connections.get(connection);
    if (socket === undefined) return false;
    const frame = encodeFrame(message);
    const isFull = socket.writableLength > MAX_BACKLOG_BYTES;
    if (frame.ok && !isFull) {
      socket.write(frame.value);
      return true;
    }
    // A message may be lost. Anything else may not: the executor comes back and is told all that counts.
    if (message.kind !== 'message') socket.destroy();
    return false;
  }

  /** What was sent before arrives. */
  end(connection: ConnectionNumber): void {
    this.#connections.get(connection)?.end();
  }

  /** The sockets stay where they are, for the next process. */
  closeAll(): void {
    for (const { server, directory } of this.#listening.values()) {
      server.close(() => void directory.close());
    }
    for (const socket of this.#connections.values()) socket.destroy();
    this.#listening.clear();
  }

  #accept(socket: Socket, { onMessage, onClosed, onFault }: SocketHandlers): void {
    const connection = this.#nextNumber();
    this.#connections.set(connection, socket);
    const frames = new FrameReader(FromExecutor);
    socket.on('data', (bytes: Buffer) => {
      for (const message of frames.push(bytes)) {
        if (message.ok) onMessage(connection, message.value);
        else {
          onFault(message.failure.message);
          socket.destroy();
        }
      }
    });
    // Its `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#connections.delete(connection);
      onClosed(connection);
    });
  }
}

/** The socket is its owner's alone from its first moment, for the system gives it the rights at once. */
function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    const mask = process.umask(0o177);
    try {
      server.listen(socketPath);
    } finally {
      process.umask(mask);
    }
  });
}
