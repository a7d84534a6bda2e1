// Owns which members of a group a framework that took over does not know: an attempt of an earlier scheduler ends with its
// last member, and some may have ended before this one began. Pure; who asks the leader for them is member-questions.ts.
import type { TaskId } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate, type TaskStatus } from '@parley/protocol/tasks';
import type { FrameworkEntry } from './framework-entry.ts';
import { attemptIdOf, type FrameworkRoster } from './framework-roster.ts';
import { readTaskId, type TaskName, taskIdOf } from './framework-task-id.ts';

export class FrameworkMembers {
  readonly #roster: FrameworkRoster;

  constructor(roster: FrameworkRoster) {
    this.#roster = roster;
  }

  /** Before this update ends its attempt, these have to be known: nothing was heard of them, and nothing else of it lives. */
  doubtful({ task: { taskId }, state }: StatusUpdate): TaskId[] {
    const name = readTaskId(taskId);
    if (name === undefined || !isTerminal(state)) return [];
    const entry = this.#roster.find(name.token);
    if (entry === undefined || entry.wasEnded(attemptIdOf(name))) return [];
    const attempt = entry.attempts.get(attemptIdOf(name));
    const othersLive = [...(attempt?.tasks.keys() ?? [])].some((other) => other !== taskId);
    return othersLive ? [] : unknownOf(entry, name).filter((member) => member !== taskId);
  }

  /** Of all attempts that were taken up. */
  missing(): TaskId[] {
    return [...this.#roster.entries()].flatMap((entry) =>
      [...entry.attempts.values()].flatMap(({ tasks, ended }) => {
        const [known] = [...tasks.keys(), ...ended.keys()];
        const name = known && readTaskId(known);
        return name === undefined ? [] : unknownOf(entry, name);
      }),
    );
  }

  /**
   * What the leader says of some of them. What was heard meanwhile is newer. Of one that the leader has forgotten nobody can
   * say that it finished: its attempt counts as lost, and the group is run again rather than left undone. `before`: they are
   * of the group of this update, which is given to the plan next.
   */
  told(statuses: readonly TaskStatus[], nowMs: number, before?: StatusUpdate): FrameworkEntry[] {
    const changed = new Set<FrameworkEntry>();
    for (const { taskId, agentId, state } of statuses) {
      // An attempt that has ended meanwhile is not begun again; one that this update is going to begin may be.
      if (before === undefined && !this.#roster.isLive(taskId)) continue;
      const found = this.#roster.attemptOf(taskId, true, agentId);
      if (found === undefined) continue;
      const { entry, attempt } = found;
      if (attempt.tasks.has(taskId) || attempt.ended.has(taskId)) continue;
      if (state === 'unknown') attempt.forgotten.add(taskId);
      else if (isTerminal(state)) this.#roster.taskEnded(attempt, taskId, state);
      else this.#roster.taskLives(attempt, taskId, state, nowMs);
      changed.add(entry);
    }
    return [...changed];
  }
}

/** As many members as are wanted now: how many were launched is in no id. Of a single task, or one nobody wants, none. */
function unknownOf({ wanted, attempts }: FrameworkEntry, name: TaskName): TaskId[] {
  if (wanted?.isGroup !== true || name.member === undefined) return [];
  const attempt = attempts.get(attemptIdOf(name));
  // What this scheduler has launched it knows.
  if (attempt?.isTakenUp === false) return [];
  return wanted.parts
    .map((_, member) => taskIdOf({ ...name, member }))
    .filter((taskId) => {
      const isKnown = attempt?.tasks.has(taskId) || attempt?.ended.has(taskId);
      return !isKnown && attempt?.forgotten.has(taskId) !== true;
    });
}
