// Owns what each state and each source of a status update means, in a sentence for people, beside the name that Mesos
// gives it. What follows what is in task-machine.ts.
import { isTerminal, TaskState, type TaskStatus } from '@parley/protocol/tasks';

type ReportedState = TaskStatus['state'];

export type StateMeaning = {
  readonly meaning: string;
  /** `unknown` is an answer to a question about a task, never a state that a task is in. */
  readonly isState: boolean;
  readonly isTerminal: boolean;
  /** What Mesos calls it, in partition-aware mode; frameworks without that see TASK_LOST where `isLost`. */
  readonly mesos: string;
  readonly isLost: boolean;
};

const MEANINGS = {
  staging: ['The leader launched it; nothing was heard of it from its agent yet.', 'TASK_STAGING'],
  starting: ['Its agent prepares it (inputs, sandbox, executor).', 'TASK_STARTING'],
  running: ['It runs.', 'TASK_RUNNING'],
  killing: ['It was told to stop and still has time to do so.', 'TASK_KILLING'],
  unreachable: [
    'Nothing is heard of its agent; it may still run, and is running again when the agent returns.',
    'TASK_UNREACHABLE',
  ],
  finished: ['It ended by itself and well.', 'TASK_FINISHED'],
  failed: ['It ended by itself, or was ended for what it did, and not well.', 'TASK_FAILED'],
  killed: ['It ended because somebody asked for it.', 'TASK_KILLED'],
  error: ['It was never launched: something is wrong with its description.', 'TASK_ERROR'],
  dropped: ['It never ran and never will, though nothing is wrong with it.', 'TASK_DROPPED'],
  gone: [
    'It was launched and is known not to run any more, and how it ended is not known.',
    'TASK_GONE (TASK_GONE_BY_OPERATOR where an operator gave up its agent)',
  ],
  unknown: ['Nobody has any idea of it.', 'TASK_UNKNOWN'],
} as const satisfies Record<ReportedState, readonly [meaning: string, mesos: string]>;

const LOST: ReadonlySet<ReportedState> = new Set(['unreachable', 'dropped', 'gone', 'unknown']);
const states: ReadonlySet<string> = new Set(TaskState.options);

export const TASK_STATES: ReadonlyMap<ReportedState, StateMeaning> = new Map(
  (Object.keys(MEANINGS) as ReportedState[]).map((state) => {
    const [meaning, mesos] = MEANINGS[state];
    return [
      state,
      {
        meaning,
        isState: states.has(state),
        isTerminal: state !== 'unknown' && isTerminal(state),
        mesos,
        isLost: LOST.has(state),
      },
    ];
  }),
);

export const TASK_SOURCE_MEANINGS = {
  agent:
    'The agent that the task runs on: what happened to the task there, an executor’s word included.',
  master:
    'The leader: what nobody else can say, because there is no task or nothing is heard of its agent.',
} as const satisfies Record<'agent' | 'master', string>;
