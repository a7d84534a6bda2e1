// Owns what each finer cause of a task's end means, for people: a row of the generated page on states and reasons, and what
// `limit` and `peak` count with it. The names are in @parley/protocol/task-causes; when one is told, the agent decides.
import type { CauseKind } from '@parley/protocol/task-causes';
import type { TaskReason } from '@parley/protocol/tasks';

export type CauseMeaning = {
  /** The reasons that it goes with. */
  readonly with: readonly TaskReason[];
  readonly meaning: string;
  /** What `limit` and `peak` count; none where the cause has neither. */
  readonly unit?: string;
  /** What its owner can do. */
  readonly remedy: string;
};

export const TASK_CAUSES = {
  memoryLimit: {
    with: ['memoryLimit'],
    meaning: 'The kernel killed a process of it at its memory limit.',
    unit: 'MiB',
    remedy: 'Request more memory, or let it go further with `limits.mem`.',
  },
  hostMemory: {
    with: ['commandSignaled', 'executorExited'],
    meaning:
      'The kernel killed a process of it, below its limit, because the host had no memory left.',
    unit: 'MiB',
    remedy: 'Try again; request what it needs, so that less is lent out beside it.',
  },
  pidsLimit: {
    with: ['commandExited', 'commandSignaled'],
    meaning: 'It had met its limit of processes and threads before it failed.',
    unit: 'processes and threads',
    remedy: 'Start fewer at a time, or set `limits.pids` higher.',
  },
  timeLimit: {
    with: ['maxCompletionTime'],
    meaning: 'It ran for as long as `maxCompletionMs` allows, and was killed.',
    unit: 'milliseconds',
    remedy: 'Give it more time, or less to do.',
  },
  diskFull: {
    with: ['diskFull'],
    meaning: 'No space was left on the disk of its agent.',
    remedy: 'Make room there, or try on another agent.',
  },
  diskLimit: {
    with: ['diskFull'],
    meaning: 'Its sandbox, or a volume of it, held more than it may, and its agent killed it.',
    unit: 'MiB',
    remedy:
      'Request more `disk`, let it go further with `limits.disk`, make a larger volume, or delete what is not needed.',
  },
  fetchFailed: {
    with: ['inputsFailed', 'launchFailed'],
    meaning:
      'One of its `uris`, or its image, could not be fetched, checked or unpacked; the message says why.',
    remedy:
      'Correct the address, the checksum or the archive; ask the operator what agents may fetch.',
  },
  fetchTimeout: {
    with: ['inputsFailed', 'launchFailed'],
    meaning:
      'One of its `uris`, or its image, did not come in time, or nothing of it came for too long.',
    remedy: 'Look at the server that it comes from, or try again.',
  },
  signal: {
    with: ['commandSignaled'],
    meaning: 'A signal that nobody here sent ended it; the update names it.',
    remedy: 'Look for a defect: most such ends are crashes.',
  },
  commandNotFound: {
    with: ['launchFailed'],
    meaning:
      'Its program is not on the agent, or what the first line of its script names to run it is not.',
    remedy: 'Correct the name, install the program, or bring it along as an input.',
  },
  commandNotPermitted: {
    with: ['launchFailed'],
    meaning: 'Its program may not be executed by the user that the task runs as.',
    remedy: 'Make it executable; a directory is no program.',
  },
  userNotFound: {
    with: ['launchFailed'],
    meaning: 'Its agent has no user of the name that the task is to run as, or lets no task be it.',
    remedy: 'Have the agent let tasks name it (--task-users), or name another, or none.',
  },
  sandboxUnavailable: {
    with: ['launchFailed'],
    meaning: 'Its sandbox directory could not be entered.',
    remedy: 'Look at the disk of the agent.',
  },
  notConfined: {
    with: ['launchFailed'],
    meaning:
      'The namespaces that keep it from other tasks could not be made, or its image not mounted; its stderr, or the message, says why.',
    remedy:
      'Allow it more processes or memory where it has few; else look at its agent, which may give images to no task.',
  },
  memoryForStart: {
    with: ['launchFailed'],
    meaning: 'No process could be made for it: memory was short, or there were too many processes.',
    remedy: 'Request more memory, or try again.',
  },
  hostRebooted: {
    with: ['exitStatusUnknown', 'executorExited'],
    meaning: 'The host of its agent was started anew, and nothing of before runs there any more.',
    remedy: 'Run it again.',
  },
} as const satisfies Record<CauseKind, CauseMeaning>;
