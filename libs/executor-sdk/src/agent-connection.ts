// Owns one connection of an executor to its agent's socket: bytes to messages and back. When to connect, and what to
// say, is for the session.
import { closeSync, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';
import { encodeFrame, FrameReader } from '@parley/protocol/executor-frames';
import { type FromExecutor, ToExecutor } from '@parley/protocol/executors';

export type ConnectionHandlers = {
  readonly onConnected: () => void;
  readonly onMessage: (message: ToExecutor) => void;
  /** Once, also when there was no connection. `reason`: why, where that is known. */
  readonly onClosed: (reason: string | undefined) => void;
};

export class AgentConnection {
  readonly #socket: Socket;

  /** `socketPath`: absolute, or relative to the sandbox where the whole path is too long for the system's calls. */
  constructor(socketPath: string, sandbox: string, handlers: ConnectionHandlers) {
    this.#socket = connect(socketPath, sandbox);
    const frames = new FrameReader(ToExecutor);
    let reason: string | undefined;
    this.#socket.on('connect', handlers.onConnected);
    this.#socket.on('data', (bytes: Buffer) => {
      for (const message of frames.push(bytes)) {
        if (message.ok) handlers.onMessage(message.value);
        else {
          reason = message.failure.message;
          this.#socket.destroy();
        }
      }
    });
    this.#socket.on('error', (error) => {
      reason = error.message;
    });
    this.#socket.on('close', () => handlers.onClosed(reason));
  }

  /** False when the message is too long to be sent. */
  send(message: FromExecutor): boolean {
    const frame = encodeFrame(message);
    if (frame.ok) this.#socket.write(frame.value);
    return frame.ok;
  }

  /** Resolves when everything sent before is with the system. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.end(() => resolve());
    });
  }
}

function connect(socketPath: string, sandbox: string): Socket {
  if (path.isAbsolute(socketPath)) return createConnection(socketPath);
  // The directory may have been left since the start, so it is named, by a short name of it.
  const directory = openSync(sandbox, 'r');
  const socket = createConnection(`/proc/self/fd/${directory}/${socketPath}`);
  socket.on('close', () => closeSync(directory));
  return socket;
}
