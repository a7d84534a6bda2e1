// Owns the vocabulary between the supervisor and whoever drives it (effects.ts, the simulator): inputs with the
// time they came at, and effects as plain data, to be carried out in order.
import type { TellTasksRequest, TellTasksResult } from '@parley/protocol/adoption';
import type {
  AgentHeartbeat,
  DestroyVolumeOrder,
  KillOrder,
  Oversubscription,
  RegisterRequest,
  RunGroupOrder,
  RunOrder,
  ShutdownExecutorOrder,
} from '@parley/protocol/agents';
import type { LeaderPresence, Watermarks } from '@parley/protocol/broadcasts';
import type { Probe } from '@parley/protocol/checks';
import type { RequestId } from '@parley/protocol/envelope';
import type { Epoch } from '@parley/protocol/epoch';
import type { Failure, Outcome } from '@parley/protocol/errors';
import type {
  ExecutorId,
  ExecutorRef,
  RoleName,
  TaskKey,
  TaskRef,
  VolumeId,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import type { AskToStopOrder, StopAnswered } from '@parley/protocol/revocations';
import type { StatusUpdate, TaskDescription, Transfer } from '@parley/protocol/tasks';
import type { DiskExcess } from './disk-excess.ts';
import type {
  ExecutorEffect,
  ExecutorInput,
  ExecutorPlace,
  RecoveredExecutor,
} from './executors/executor-messages.ts';
import type { ProbeAim, ProbeAnswer } from './task-checks.ts';
import type { ObservedOutcome } from './task-outcome.ts';
import type { TaskOrder, TaskRecord } from './task-record.ts';

export type Instant = {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Milliseconds since 1970: goes into status updates; compared only across a restart of the agent. */
  readonly wallTimeMs: number;
};

/** Names a request that waits for an answer; made by the driver. */
export type ReplyHandle = number;

/** All but `failed` pass on as a cause; whatever else went wrong is told by the message. */
export type StepFailure = {
  readonly code:
    | 'diskFull'
    | 'fetchFailed'
    | 'fetchTimeout'
    | 'userNotFound'
    | 'notConfined'
    | 'failed';
  readonly message: string;
};

/** What this host does not permit a task is the user that it names. */
export function stepFailureOf({ code, message }: { code: string; message: string }): StepFailure {
  if (code === 'notPermitted') return { code: 'userNotFound', message };
  return { code: code === 'diskFull' || code === 'notConfined' ? code : 'failed', message };
}

export type RecoveredTask = {
  readonly record: TaskRecord;
  /** What the host says about the task's processes now. */
  readonly outcome: ObservedOutcome;
};

export type SupervisorInput =
  /** The first input after a start: everything that was on the disk. */
  | {
      readonly kind: 'recovered';
      readonly tasks: readonly RecoveredTask[];
      readonly executors?: readonly RecoveredExecutor[];
    }
  | {
      readonly kind: 'run';
      readonly epoch: Epoch;
      readonly order: RunOrder;
      readonly reply: ReplyHandle;
    }
  | {
      readonly kind: 'kill';
      readonly epoch: Epoch;
      readonly order: KillOrder;
      readonly reply: ReplyHandle;
    }
  | {
      readonly kind: 'runGroup';
      readonly epoch: Epoch;
      readonly order: RunGroupOrder;
      readonly reply: ReplyHandle;
    }
  | {
      readonly kind: 'destroyVolume';
      readonly epoch: Epoch;
      readonly order: DestroyVolumeOrder;
      readonly reply: ReplyHandle;
    }
  /** The record with this revision, or a later one, is on the disk. */
  | { readonly kind: 'recorded'; readonly task: TaskKey; readonly revision: number }
  | {
      readonly kind: 'recordFailed';
      readonly task: TaskKey;
      readonly revision: number;
      readonly failure: Failure;
    }
  | { readonly kind: 'inputsCopied'; readonly task: TaskKey }
  | { readonly kind: 'inputsFailed'; readonly task: TaskKey; readonly failure: StepFailure }
  | { readonly kind: 'launched'; readonly task: TaskKey }
  /** Final: the task will not start any more. */
  | { readonly kind: 'launchFailed'; readonly task: TaskKey; readonly failure: StepFailure }
  /** May be told more than once. */
  | { readonly kind: 'ended'; readonly task: TaskKey; readonly outcome: ObservedOutcome }
  | { readonly kind: 'outputsCopied'; readonly task: TaskKey }
  | { readonly kind: 'outputsFailed'; readonly task: TaskKey; readonly failure: StepFailure }
  /** Every probe that was asked for is answered, also when the task has ended meanwhile. */
  | {
      readonly kind: 'probed';
      readonly task: TaskKey;
      readonly aim: ProbeAim;
      readonly answer: ProbeAnswer;
    }
  /** JetStream has acknowledged the update. */
  | {
      readonly kind: 'updateAcked';
      readonly task: TaskKey;
      readonly sequence: number;
      readonly streamSequence: number;
    }
  | { readonly kind: 'watermarks'; readonly epoch: Epoch; readonly body: Watermarks }
  /** `reportWithinMs`: the time that all agents have to register with a new leader. */
  | ({ readonly kind: 'presence'; readonly epoch: Epoch } & Pick<
      LeaderPresence,
      'reportWithinMs' | 'takesStandings'
    >)
  /** So much of what tasks have been given they do not use: it may be offered as revocable. */
  | { readonly kind: 'estimated'; readonly revocable: Resources }
  /** The host is short of something: of what is lent, one task goes. `why`: for people. */
  | { readonly kind: 'pressed'; readonly why: string }
  /** The sandbox of a task that the agent runs itself holds more than it may. */
  | ({ readonly kind: 'overDisk'; readonly ref: TaskRef } & DiskExcess)
  /** The leader does not count this agent as registered, or its books say otherwise; `standing`: it wants that only. */
  | { readonly kind: 'registerAgain'; readonly epoch: Epoch; readonly standing?: true | undefined }
  | {
      readonly kind: 'registerAnswered';
      readonly counter: number;
      readonly epoch: Epoch | undefined;
      readonly answer: RegisterAnswer;
    }
  /** To a page of what this agent has. */
  | {
      readonly kind: 'tasksTold';
      readonly counter: number;
      readonly epoch: Epoch | undefined;
      readonly answer: Outcome<TellTasksResult>;
    }
  | {
      readonly kind: 'shutdownExecutor';
      readonly epoch: Epoch;
      readonly order: ShutdownExecutorOrder;
      readonly reply: ReplyHandle;
    }
  | {
      readonly kind: 'askToStop';
      readonly epoch: Epoch;
      readonly order: AskToStopOrder;
      readonly reply: ReplyHandle;
    }
  /** What the leader said to `tellStop`. */
  | { readonly kind: 'stopTold'; readonly counter: number; readonly answer: Answer }
  /** About a custom executor. */
  | { readonly kind: 'executor'; readonly input: ExecutorInput }
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'tick' };

/** What happened to a task, whoever runs it. */
export type TaskInput = Extract<SupervisorInput, { readonly task: TaskKey }>;

export type RegisterAnswer =
  | {
      readonly ok: true;
      readonly value: {
        readonly heartbeatIntervalMs: number;
        readonly unknownTasks: readonly TaskRef[];
        readonly unknownExecutors: readonly ExecutorRef[];
        readonly wantsTasks?: true | undefined;
      };
    }
  | { readonly ok: false; readonly failure: Failure };

export type SupervisorEffect =
  /** Answered with `recorded` or `recordFailed`; writes of one task stay in order. */
  | {
      readonly kind: 'persist';
      readonly task: TaskKey;
      readonly revision: number;
      readonly record: TaskRecord;
    }
  /** The record may go from the disk, after the writes asked for before. */
  | { readonly kind: 'forget'; readonly task: TaskKey; readonly ref: TaskRef }
  | { readonly kind: 'answer'; readonly reply: ReplyHandle; readonly answer: Answer }
  /** Makes the sandbox with the volumes and the directory of the group in it, and copies the inputs into it. */
  | {
      readonly kind: 'copyInputs';
      readonly task: TaskKey;
      readonly ref: TaskRef;
      readonly order: TaskOrder;
      /** Of a task of a custom executor: it has that one's sandbox. */
      readonly executor?: ExecutorPlace | undefined;
    }
  | {
      readonly kind: 'launch';
      readonly task: TaskKey;
      readonly ref: TaskRef;
      /** Of a task of a group. */
      readonly executorId: ExecutorId | undefined;
      readonly description: TaskDescription;
    }
  /** Answered with `probed` soon after the timeout at the latest. */
  | {
      readonly kind: 'probe';
      readonly task: TaskKey;
      readonly ref: TaskRef;
      readonly executorId: ExecutorId | undefined;
      readonly aim: ProbeAim;
      readonly probe: Probe;
      readonly timeoutMs: number;
      readonly description: TaskDescription;
    }
  /** To every process of the task; one that has ended already is no error. */
  | {
      readonly kind: 'stop';
      readonly task: TaskKey;
      readonly ref: TaskRef;
      readonly signal: 'SIGTERM' | 'SIGKILL';
    }
  | {
      readonly kind: 'copyOutputs';
      readonly task: TaskKey;
      readonly ref: TaskRef;
      readonly outputs: readonly Transfer[];
      readonly executor?: ExecutorPlace | undefined;
    }
  | { readonly kind: 'publishUpdate'; readonly task: TaskKey; readonly update: StatusUpdate }
  | {
      readonly kind: 'register';
      readonly counter: number;
      readonly request: RequestId;
      readonly body: RegisterRequest;
    }
  /** A page of what this agent has, for a leader that has lost its books. */
  | {
      readonly kind: 'tellTasks';
      readonly counter: number;
      readonly request: RequestId;
      readonly body: TellTasksRequest;
    }
  /** What a task says to the question to stop. */
  | {
      readonly kind: 'tellStop';
      readonly counter: number;
      readonly request: RequestId;
      readonly body: StopAnswered;
    }
  /** To be on the disk before anything that comes after it is carried out. */
  | { readonly kind: 'rememberEpoch'; readonly epoch: Epoch }
  | { readonly kind: 'heartbeat'; readonly body: AgentHeartbeat }
  | { readonly kind: 'oversubscribed'; readonly body: Oversubscription }
  /** Deletes the data of a volume that no task uses, then answers. */
  | {
      readonly kind: 'destroyVolume';
      readonly role: RoleName;
      readonly volumeId: VolumeId;
      readonly reply: ReplyHandle;
    }
  /** The leader has declared this agent gone, every task has ended and every update is stored: the process ends. */
  | { readonly kind: 'leave'; readonly why: string }
  /** About a custom executor. */
  | { readonly kind: 'executor'; readonly effect: ExecutorEffect }
  /** For the log: something that ought not to happen. */
  | { readonly kind: 'report'; readonly about: string; readonly what: string };
