// Owns what a scheduler needs of the world around it: a bus, its updates, its bucket, time, random tokens. Types only.
// nats-ports.ts has them on a real cluster; anything else (memory, virtual time) serves as well.
import type { Bus } from '@parley/actor/bus';
import type { Outcome } from '@parley/protocol/errors';
import type { ClusterName, FrameworkRef, PrincipalName } from '@parley/protocol/ids';
import type { WorkBucket } from './work-bucket.ts';

export type Timer = { cancel(): void };

export interface SchedulerClock {
  /** Milliseconds of a clock that never goes back and starts anywhere. */
  nowMs(): number;
  /** Calls `run` once, not before so many milliseconds are over. */
  startTimer(afterMs: number, run: () => void): Timer;
}

export type BusListener = {
  /** Called at each change, not for the state at the beginning. */
  readonly onConnectedChange: (connected: boolean) => void;
  /** Trouble that is not the end. */
  readonly onTrouble: (error: Error) => void;
  /** The bus ended for good without `close`. */
  readonly onClosed: (reason: string) => void;
};

export interface SchedulerBus extends Bus {
  /** Sends what is buffered, then ends. */
  close(): Promise<void>;
}

/** A place in the principal's stream of updates. A stream that was made anew counts from 1 again. */
export type StreamPosition = { readonly streamCreatedMs: number; readonly sequence: number };

export type UpdateReaderOptions = {
  readonly framework: FrameworkRef;
  /** Reading goes on where the session before this one has acknowledged. */
  readonly session: number;
  /** Reading begins behind this message: what lies beyond it is handed over whether it was acknowledged before or not. */
  readonly onBegin?: (position: StreamPosition) => void;
  /** May be called again for a message that was not acknowledged. */
  readonly onMessage: (position: StreamPosition, subject: string, bytes: Uint8Array) => void;
  /** Answers `catchUp`: every update up to there was handed to `onMessage`, or the stream is another one than it was. */
  readonly onCaughtUp: (position: StreamPosition) => void;
  /** Told once when trouble begins; reading goes on by itself. */
  readonly onTrouble: (error: Error) => void;
};

export interface UpdateReader {
  /** Says that the handler is through: the update does not come again. */
  acknowledge(sequence: number): void;
  /** Asks for `onCaughtUp` as soon as everything up to this message has been read. */
  catchUp(sequence: number): void;
  /** Waits for acknowledgements on their way. `remove`: the framework is gone and nobody will go on from here. */
  close(remove: boolean): Promise<void>;
}

/** The principal's objects. */
export type WorkObjects = Pick<
  WorkBucket,
  'put' | 'download' | 'sizesBelow' | 'delete' | 'deleteBelow'
>;

export interface SchedulerPorts {
  readonly cluster: ClusterName;
  readonly principal: PrincipalName;
  readonly clock: SchedulerClock;
  /** Called once. */
  openBus(listener: BusListener): SchedulerBus;
  openUpdates(options: UpdateReaderOptions): UpdateReader;
  openBucket(): Promise<Outcome<WorkObjects>>;
  /** Differs from every other that any process ever made; a token of letters, digits and dashes. */
  randomToken(): string;
  /** For trouble that the user takes no notice of. */
  warn(error: Error): void;
  /** Lets go of everything but the bus, which has its own `close`. */
  close(): Promise<void>;
}
