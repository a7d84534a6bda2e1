// Owns /tasks: a page of all tasks that are known, live or ended lately, by the time of their last change.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { mesosFrameworkId, mesosTaskId } from './mesos-ids.ts';
import type { Model } from './model.ts';
import { type AnyTask, taskPage } from './task-model.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;

export type TasksQuery = {
  readonly limit: number;
  readonly offset: number;
  readonly isOldestFirst: boolean;
  readonly frameworkId: string | undefined;
  readonly taskId: string | undefined;
};

/** Fails with `malformed`; the message names the parameter. */
export function readTasksQuery(query: Readonly<Record<string, unknown>>): Outcome<TasksQuery> {
  const limit = readCount(query['limit'], DEFAULT_LIMIT);
  const offset = readCount(query['offset'], 0);
  if (limit === undefined) return fail('malformed', "Failed to parse query parameter 'limit'");
  if (offset === undefined) return fail('malformed', "Failed to parse query parameter 'offset'");
  return succeed({
    limit: Math.min(limit, MAX_LIMIT),
    offset,
    isOldestFirst: query['order'] === 'asc',
    frameworkId: textOf(query['framework_id']),
    taskId: textOf(query['task_id']),
  });
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

function readCount(value: unknown, otherwise: number): number | undefined {
  if (value === undefined) return otherwise;
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

export function tasksPage({ state }: Model, query: TasksQuery) {
  const { limit, offset, isOldestFirst, frameworkId, taskId } = query;
  const chosen: AnyTask[] = [];
  for (const table of [state.tasks, state.ended]) {
    for (const task of table.rows()) {
      if (frameworkId !== undefined && mesosFrameworkId(task.task) !== frameworkId) continue;
      if (taskId !== undefined && mesosTaskId(task) !== taskId) continue;
      chosen.push(task);
    }
  }
  const sign = isOldestFirst ? 1 : -1;
  chosen.sort((a, b) => sign * (a.changedWallTimeMs - b.changedWallTimeMs));
  return { tasks: chosen.slice(offset, offset + limit).map((task) => taskPage(state, task)) };
}
