// Owns the vocabulary between the roster of custom executors and whoever drives it: inputs and effects as plain data.
// It is carried inside the supervisor's own (supervisor-messages.ts), of which it is a part of its own.
import type { TaskLimits } from '@parley/isolation/launcher';
import type { ExecutorExited } from '@parley/protocol/agents';
import type { RequestId } from '@parley/protocol/envelope';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import type { ExecutorMessage } from '@parley/protocol/frameworks';
import type { ExecutorRef } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { DiskExcess } from '../disk-excess.ts';
import type { StepFailure } from '../supervisor-messages.ts';
import type { ObservedOutcome } from '../task-outcome.ts';
import type { ExecutorRecord } from './executor-record.ts';

/** One executor: an id may have belonged to another one before. */
export type ExecutorPlace = { readonly executor: ExecutorRef; readonly incarnation: number };

/** What follows what is in supervised-executor.ts. */
export type ExecutorPhase =
  | 'new'
  | 'recording'
  | 'launching'
  | 'registering'
  | 'live'
  | 'returning'
  | 'shuttingDown'
  | 'destroying'
  | 'exited';

/** Of its scope, for itself and its tasks together. */
export type ExecutorLimits = TaskLimits;

/** A connection to the socket of an executor; numbers are given by the driver and never used again. */
export type ConnectionNumber = number;

export type RecoveredExecutor = {
  readonly record: ExecutorRecord;
  /** What the host says about its processes now. */
  readonly outcome: ObservedOutcome;
};

export type PlacedExecutorInput = ExecutorPlace &
  (
    | { readonly kind: 'recorded'; readonly revision: number }
    | { readonly kind: 'recordFailed'; readonly revision: number; readonly failure: StepFailure }
    /** Its scope is there and its program runs. */
    | { readonly kind: 'started' }
    /** Final: it will not start any more. */
    | { readonly kind: 'launchFailed'; readonly failure: StepFailure }
    /** May be told more than once. */
    | { readonly kind: 'ended'; readonly outcome: ObservedOutcome }
    /** Its sandbox holds more than it and its tasks may. */
    | ({ readonly kind: 'overDisk' } & DiskExcess)
    | { readonly kind: 'limitsSet'; readonly revision: number }
    | { readonly kind: 'limitsNotSet'; readonly revision: number; readonly reason: string }
    | {
        readonly kind: 'said';
        readonly connection: ConnectionNumber;
        readonly message: FromExecutor;
      }
    | { readonly kind: 'connectionClosed'; readonly connection: ConnectionNumber }
  );

export type ExecutorInput =
  | PlacedExecutorInput
  /** From a framework's scheduler. */
  | {
      readonly kind: 'message';
      readonly executor: ExecutorRef;
      readonly data: ExecutorMessage['data'];
    }
  /** What the leader said to `tellExited`. */
  | { readonly kind: 'exitAnswered'; readonly counter: number; readonly answer: Answer };

export type ExecutorEffect =
  | (ExecutorPlace &
      /** Answered with `recorded` or `recordFailed`; writes of one executor stay in order. */
      (
        | {
            readonly kind: 'persist';
            readonly revision: number;
            readonly record: ExecutorRecord;
          }
        /** The record may go from the disk, after the writes asked for before; the socket goes at once. */
        | { readonly kind: 'forget' }
        /** Makes the sandbox and the socket in it, and starts the program; answered with `started` or `launchFailed`. */
        | {
            readonly kind: 'launch';
            readonly description: ExecutorDescription;
            readonly limits: ExecutorLimits;
          }
        /** Answered with `limitsSet` or `limitsNotSet`; one at a time an executor. */
        | { readonly kind: 'setLimits'; readonly revision: number; readonly limits: ExecutorLimits }
        /** Kills every process of the scope; its end is told when it is seen. */
        | { readonly kind: 'destroy' }
        | {
            readonly kind: 'send';
            readonly connection: ConnectionNumber;
            readonly message: ToExecutor;
          }
        | { readonly kind: 'closeConnection'; readonly connection: ConnectionNumber }
        /** To the framework's scheduler; may be lost. */
        | { readonly kind: 'publishMessage'; readonly data: ExecutorMessage['data'] }
      ))
  | {
      readonly kind: 'tellExited';
      readonly counter: number;
      readonly request: RequestId;
      readonly body: ExecutorExited;
    };
