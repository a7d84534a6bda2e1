// Names of units and slices: what a valid unit name is, which name a task's scope gets, which slice it goes to.
// It knows nothing of systemd itself; names carry no suffix (`.scope`) here.

import { createHash } from 'node:crypto';

/** The slice that holds every task of this host, unless an agent is given another (design 6). */
export const TASKS_SLICE = 'parley-tasks';

/** A launch gets dearer with the number of siblings in its slice, so scopes are spread over this many. */
export const SLICE_COUNT = 32;

// systemd allows 255 characters, suffix included; 200 leaves room for it and for marker files.
const UNIT_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;
const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
const READABLE_LENGTH = 40;

/** Whose units they are: agents of two clusters may have one id on a host. */
export type AgentIdentity = {
  readonly cluster: string;
  readonly agentId: string;
};

export type TaskIdentity = AgentIdentity & {
  readonly principal: string;
  readonly frameworkId: string;
  readonly taskId: string;
};

export function isUnitName(name: string): boolean {
  return UNIT_PATTERN.test(name);
}

/** Ids that may become a path component or part of a unit name: `[A-Za-z0-9_-]{1,64}`. */
export function isSafeId(id: string): boolean {
  return ID_PATTERN.test(id);
}

/**
 * The unit of a task: readable beginnings of its ids, then a hash of all of them, since five ids of 64
 * characters do not fit into a unit name. Different tasks never share a name.
 */
export function unitNameFor(identity: TaskIdentity): string {
  const { cluster, agentId, principal, frameworkId, taskId } = identity;
  const hash = createHash('sha256')
    .update([cluster, agentId, principal, frameworkId, taskId].join('/'))
    .digest('hex');
  const readable = [principal, frameworkId, taskId].map((id) => id.slice(0, READABLE_LENGTH));
  return ['parley', ...readable, hash.slice(0, 16)].join('-');
}

export type ExecutorIdentity = AgentIdentity & {
  readonly principal: string;
  readonly frameworkId: string;
  readonly executorId: string;
  /** Tells apart the executors that had this id one after the other; an executor starts once. */
  readonly incarnation: number;
};

/** What the units of executors begin with; the dot is in no task's. */
const EXECUTOR_UNIT_PREFIX = 'parley-executor.';

/** Whether it is the unit of an executor, of whatever agent. */
export const isExecutorUnit = (unit: string): boolean => unit.startsWith(EXECUTOR_UNIT_PREFIX);

/** The unit of an executor and of the tasks in it; never that of a task, nor of another incarnation. */
export function executorUnitNameFor(identity: ExecutorIdentity): string {
  const { cluster, agentId, principal, frameworkId, executorId, incarnation } = identity;
  // A task's unit is a hash of five parts: of seven is none of those.
  const hash = createHash('sha256')
    .update(
      ['executor', cluster, agentId, principal, frameworkId, executorId, incarnation].join('/'),
    )
    .digest('hex');
  const readable = [principal, frameworkId, executorId].map((id) => id.slice(0, READABLE_LENGTH));
  return `${EXECUTOR_UNIT_PREFIX}${[...readable, hash.slice(0, 16)].join('-')}`;
}

/** The child slice that a unit belongs to, `<base>-<0..31>.slice`, by a hash of its name. */
export function sliceOf(unit: string, base: string = TASKS_SLICE): string {
  const index = createHash('sha256').update(unit).digest().readUInt8(0) % SLICE_COUNT;
  return `${base}-${index}.slice`;
}
