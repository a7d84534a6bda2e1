// Owns how people and frameworks get at this agent's tasks beside running them: their files, and commands in their scopes.
// Which task has what it takes from the supervisor; it changes nothing there.
import { fail, succeed } from '@parley/protocol/errors';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import type { ExecutorHost } from './executors/executor-host.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { GroupDirectories } from './group-directories.ts';
import type { SupervisedTask } from './supervised-task.ts';
import type { Supervisor } from './supervisor.ts';
import { ExecDesk, type ExecStart } from './task-exec/exec-desk.ts';
import { type FilesPlace, TaskFiles } from './task-files/task-files.ts';
import type { TaskHost } from './task-host.ts';

export type TaskAccessOptions = {
  readonly supervisor: Pick<Supervisor, 'task'>;
  readonly host: TaskHost;
  readonly executors: Pick<ExecutorHost, 'directoriesOf'>;
  readonly groups: GroupDirectories;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly logger: Logger;
};

export class TaskAccess {
  readonly files: TaskFiles;
  readonly exec: ExecDesk;
  readonly #options: TaskAccessOptions;

  constructor(options: TaskAccessOptions) {
    this.#options = options;
    const { nowMs, logger } = options;
    this.files = new TaskFiles({ placeOf: (task) => this.#placeOf(task), nowMs });
    this.exec = new ExecDesk({
      isRunning: (task) => this.#running(task) !== undefined,
      spawn: (start) => this.#spawn(start),
      onStart: ({ task, argv, terminal }) =>
        logger.info(
          { ...task, program: argv[0], hasTerminal: terminal !== undefined },
          'an operator runs a command beside a task',
        ),
    });
  }

  /** A task of a custom executor has that one's files, while it is known. */
  #placeOf(ref: TaskRef): FilesPlace {
    const { supervisor, executors, host } = this.#options;
    const task = supervisor.task(taskKey(ref));
    const place = task instanceof ExecutorTask ? task.place : undefined;
    const directories = place ? executors.directoriesOf(place) : host.directoriesOf(ref);
    const { sandboxDirectory, runDirectory } = directories;
    return {
      sandboxDirectory,
      runDirectory,
      hasEnded: task === undefined || task.phase === 'ended',
    };
  }

  #running(ref: TaskRef): SupervisedTask | undefined {
    const task = this.#options.supervisor.task(taskKey(ref));
    return task !== undefined && !(task instanceof ExecutorTask) && task.phase === 'running'
      ? task
      : undefined;
  }

  async #spawn({ task: ref, argv, terminal }: ExecStart): ReturnType<ExecDeskSpawn> {
    const { host, groups } = this.#options;
    const order = this.#running(ref)?.order;
    if (order === undefined) return fail('unknownTask', `${taskKey(ref)} does not run here`);
    const { description, group } = order;
    const groupDirectory = group && groups.sharedOf(ref, group.executorId);
    try {
      return succeed(await host.execute({ ref, description, groupDirectory, argv, terminal }));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail('invalidTask', `the command was not begun beside ${taskKey(ref)}: ${why}`);
    }
  }
}

type ExecDeskSpawn = ConstructorParameters<typeof ExecDesk>[0]['spawn'];
