// Talks to a systemd over its own socket, as systemctl does where there is no message bus: scopes are asked for and
// signalled, and the end of a unit is told. It opens a connection when one is needed and keeps no state of units.
// systemd accepts nobody whose pid it cannot see, so a bridge inside its namespaces (systemd-stdio-bridge(1)) connects.

import { spawn } from 'node:child_process';
import {
  type DBusMessage,
  type DBusProperty,
  decodeMessage,
  encodeCall,
  type WireWriter,
} from './dbus-wire.ts';
import { SYSTEM_PATH } from './run-command.ts';

export type SystemdConnectionOptions = {
  /** Put before a command, runs it in the namespaces of that systemd; empty for here. */
  readonly enterCommand: readonly string[];
  /** A unit is gone, whatever it was: with its last process, or because it could not begin. */
  readonly onUnitRemoved: (unit: string) => void;
};

export class SystemdError extends Error {
  /** As D-Bus has it: `org.freedesktop.systemd1.UnitExists` ... */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Waiting<Value> = {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
};
type Call = {
  readonly member: string;
  readonly signature: string;
  readonly body: (writer: WireWriter) => void;
};
type Connection = {
  readonly write: (bytes: Uint8Array | string) => void;
  readonly calls: Map<number, Waiting<DBusMessage>>;
  /** By the name of the unit, with suffix. */
  readonly jobs: Map<string, Waiting<string>>;
  isClosed: boolean;
};

const MANAGER = {
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const;
const BRIDGE = ['systemd-stdio-bridge', '-p', 'unix:path=/run/systemd/private'];
const CALL_TIMEOUT_MS = 60_000;

export class SystemdConnection {
  readonly #options: SystemdConnectionOptions;
  #opened: Promise<Connection> | undefined;
  #serial = 0;

  constructor(options: SystemdConnectionOptions) {
    this.#options = options;
  }

  /**
   * Puts processes, by their pids as that systemd sees them, into a new scope, and resolves when they are in it.
   * One call a name at a time.
   * Rejects with a SystemdError when systemd refuses, with another error when it cannot be reached.
   */
  async startScope(name: string, properties: readonly DBusProperty[]): Promise<void> {
    const connection = await this.#connection();
    const done = Promise.withResolvers<string>();
    // The call may fail first, and then nobody listens.
    done.promise.catch(() => undefined);
    connection.jobs.set(name, done);
    try {
      await this.#call(connection, {
        member: 'StartTransientUnit',
        signature: 'ssa(sv)a(sa(sv))',
        body: (writer) => {
          writer.string(name);
          writer.string('fail');
          writer.properties(properties);
          writer.array(8, () => undefined);
        },
      });
      const result = await inTime(done.promise, `starting ${name}`);
      if (result !== 'done') throw new SystemdError(`job.${result}`, `${name}: job ${result}`);
    } finally {
      connection.jobs.delete(name);
    }
  }

  /** Sends a signal, by its number, to every process of the unit. Rejects like `startScope`. */
  async kill(name: string, signal: number): Promise<void> {
    const connection = await this.#connection();
    await this.#call(connection, {
      member: 'KillUnit',
      signature: 'ssi',
      body: (writer) => {
        writer.string(name);
        writer.string('all');
        writer.uint32(signal);
      },
    });
  }

  /** Changes properties of a unit that runs, until it ends. Rejects like `startScope`. */
  async setProperties(name: string, properties: readonly DBusProperty[]): Promise<void> {
    const connection = await this.#connection();
    await this.#call(connection, {
      member: 'SetUnitProperties',
      signature: 'sba(sv)',
      body: (writer) => {
        writer.string(name);
        // `runtime`: not beyond the next boot.
        writer.uint32(1);
        writer.properties(properties);
      },
    });
  }

  /** Ends the unit and what is in it, also one that systemd has not seen become empty. Rejects like `startScope`. */
  async stopUnit(name: string): Promise<void> {
    const connection = await this.#connection();
    await this.#call(connection, {
      member: 'StopUnit',
      signature: 'ss',
      body: (writer) => {
        writer.string(name);
        writer.string('replace');
      },
    });
  }

  async #call(connection: Connection, call: Call): Promise<DBusMessage> {
    if (connection.isClosed) throw new Error('the connection to systemd is closed');
    this.#serial += 1;
    const serial = this.#serial;
    const bytes = encodeCall({ ...MANAGER, ...call, serial });
    const answered = Promise.withResolvers<DBusMessage>();
    connection.calls.set(serial, answered);
    connection.write(bytes);
    try {
      const answer = await inTime(answered.promise, call.member);
      if (answer.kind !== 'error') return answer;
      throw new SystemdError(answer.errorName ?? 'unknown', answer.body.string());
    } finally {
      connection.calls.delete(serial);
    }
  }

  async #connection(): Promise<Connection> {
    this.#opened ??= this.#open();
    try {
      const connection = await this.#opened;
      if (!connection.isClosed) return connection;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
    // It went since: systemd closes its connections when it executes itself anew.
    this.#opened = this.#open();
    return this.#opened;
  }

  async #open(): Promise<Connection> {
    const [program = '', ...rest] = [...this.#options.enterCommand, ...BRIDGE];
    const bridge = spawn(program, rest, {
      cwd: '/',
      detached: true,
      env: { PATH: SYSTEM_PATH },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ready = Promise.withResolvers<void>();
    const connection: Connection = {
      write: (bytes) => void bridge.stdin.write(bytes),
      calls: new Map(),
      jobs: new Map(),
      isClosed: false,
    };
    const close = (reason: string): void => {
      if (connection.isClosed) return;
      connection.isClosed = true;
      bridge.stdin.destroy();
      bridge.stdout.destroy();
      const error = new Error(reason);
      ready.reject(error);
      for (const waiting of connection.calls.values()) waiting.reject(error);
      for (const waiting of connection.jobs.values()) waiting.reject(error);
    };
    bridge.on('error', (error) => close(`systemd cannot be reached: ${error.message}`));
    bridge.on('exit', () => close('systemd closed the connection'));
    bridge.stdin.on('error', (error) => close(`systemd does not listen: ${error.message}`));
    bridge.stdout.on('data', this.#reader(connection, ready.resolve, close));
    // Nothing here keeps the agent alive; a call does, by its timer.
    for (const each of [bridge, bridge.stdin, bridge.stdout]) unref(each);
    connection.write(`\0AUTH EXTERNAL ${hexOfUser()}\r\n`);
    await inTime(ready.promise, 'the connection to systemd');
    return connection;
  }

  #reader(
    connection: Connection,
    onReady: () => void,
    onFault: (reason: string) => void,
  ): (bytes: Buffer) => void {
    let received: Buffer = Buffer.alloc(0);
    let isBegun = false;
    return (bytes) => {
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
      try {
        if (!isBegun) {
          const line = received.indexOf('\r\n');
          if (line < 0) return;
          const answer = received.toString('latin1', 0, line);
          if (!answer.startsWith('OK ')) throw new Error(`systemd refuses us: ${answer}`);
          received = received.subarray(line + 2);
          isBegun = true;
          connection.write('BEGIN\r\n');
          onReady();
        }
        received = this.#takeAll(connection, received);
      } catch (error) {
        onFault(error instanceof Error ? error.message : String(error));
      }
    };
  }

  /** Handles every complete message; gives back the bytes of the one that is not. */
  #takeAll(connection: Connection, bytes: Buffer): Buffer {
    let rest = bytes;
    for (;;) {
      const decoded = decodeMessage(rest);
      if (decoded === undefined) return rest;
      rest = rest.subarray(decoded.length);
      this.#take(connection, decoded.message);
    }
  }

  #take({ calls, jobs }: Connection, message: DBusMessage): void {
    const { kind, member, replySerial, body } = message;
    if (kind === 'signal' && member === 'JobRemoved') {
      // JobRemoved(u id, o job, s unit, s result)
      body.uint32();
      body.string();
      jobs.get(body.string())?.resolve(body.string());
    } else if (kind === 'signal' && member === 'UnitRemoved') {
      this.#options.onUnitRemoved(body.string());
    } else if (replySerial !== undefined) calls.get(replySerial)?.resolve(message);
  }
}

function unref(stream: object): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}

// The mechanism EXTERNAL names the user by the digits of its id, each as the hexadecimal number of its character.
function hexOfUser(): string {
  return Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
}

function inTime<Value>(value: Promise<Value>, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(new Error(`${what} took over ${CALL_TIMEOUT_MS} ms`));
    const timer = setTimeout(give, CALL_TIMEOUT_MS);
    value.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
