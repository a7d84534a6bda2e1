// Owns how a framework says what it wants to run: its shape for users, and reading it. What is wrong with one piece of
// work is told for that one alone. When and where it runs is decided elsewhere.
import type { Domain } from '@parley/protocol/constraints';
import { Constraints } from '@parley/protocol/constraints';
import {
  ExecutorDescription,
  type ExecutorDescriptionInput,
} from '@parley/protocol/executor-description';
import { ReservationId, RoleName, type TaskId } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import type { Attributes } from '@parley/protocol/offers';
import { MILLI, type Resources } from '@parley/protocol/resources';
import {
  TaskDescription,
  type TaskDescriptionInput,
  type VolumeMount,
} from '@parley/protocol/tasks';
import { keyToken } from './framework-task-id.ts';
import type { Take, TaskNeed } from './placement/task-need.ts';
import { type RetryOptions, type RetryPolicy, retryPolicy } from './retry-policy.ts';
import { type LimitSpec, limits, type ResourceSpec, resources } from './task.ts';

/** What a task does; all but where it runs and with what. */
export type TaskBody = Pick<
  TaskDescriptionInput,
  | 'name'
  | 'command'
  | 'inputs'
  | 'outputs'
  | 'killGraceMs'
  | 'maxCompletionMs'
  | 'healthCheck'
  | 'check'
  | 'labels'
  | 'data'
  | 'priority'
  | 'network'
  | 'user'
  | 'image'
  | 'devices'
  | 'hostVolumes'
>;

/** Where an attempt is going to run. */
export type LaunchPlace = {
  readonly taskId: TaskId;
  /** From 1, of this scheduler. */
  readonly attempt: number;
  readonly agentId: string;
  readonly hostname: string;
  /** What it fails together with; undefined where the agent names none. */
  readonly domain?: Domain | undefined;
  readonly attributes: Attributes;
  /** Those that it was given. */
  readonly ports: readonly number[];
};

/** Amounts as people write them, or exactly as the protocol has them; `ports` a count ("any two") or named ones. */
export type NeedSpec =
  | (Omit<ResourceSpec, 'ports'> & { readonly ports?: number | string })
  | { readonly resources: Resources; readonly portCount?: number };

export type TaskPart = {
  readonly need: NeedSpec;
  /** How far it may go beyond its need. */
  readonly limits?: LimitSpec;
  /** A function where it depends on the task's id or place. Called once for each attempt; it must not do anything else. */
  readonly run: TaskBody | ((place: LaunchPlace) => TaskBody);
  readonly volumes?: readonly VolumeMount[];
};

export type DesiredTask<Payload = unknown> = (
  | TaskPart
  /** A group: all on one agent under one executor, all or none; it ends when its last task has ended. */
  | { readonly members: readonly TaskPart[]; readonly executor: ExecutorDescriptionInput }
) & {
  /** Names the work for good. Any text; a token of at most 40 characters stands in task ids as it is. */
  readonly key: string;
  /** Given back with each update. */
  readonly payload?: Payload;
  readonly executor?: ExecutorDescriptionInput;
  readonly role?: string;
  /** Where its data is: names of agents (`agentId`), hosts (`hostname`), regions, zones or values of attributes. See `delay`. */
  readonly near?: Readonly<Record<string, readonly string[]>>;
  /** Which agents it may run on at all. */
  readonly where?: Constraints;
  readonly reservationId?: string;
  /**
   * It may be killed at any time and is then tried again: it takes its amounts from the revocable part of offers, which the
   * framework takes (`takesRevocable`).
   */
  readonly revocable?: boolean;
  /** Counted and spread together with others of the same group, and waits together with them for places near to data: a job. */
  readonly group?: string;
  readonly retry?: RetryOptions;
  /** From when it was first wanted of this scheduler: then it is killed, and not tried again. */
  readonly deadlineMs?: number;
  /** `always`: a service, started again when it has finished, too. `onFailure` when left out. */
  readonly restart?: 'onFailure' | 'always';
  /** Started elsewhere when its agent is away for so long. Five minutes when left out. */
  readonly replaceUnreachableAfterMs?: number;
};

/**
 * Work that is going to be desired and cannot be listed yet. It counts in the demand, so that the framework is known to want
 * it, and offers are not refused for long meanwhile; nothing is launched for it.
 */
export type ExpectedWork = {
  readonly need: NeedSpec;
  /** So many more than are in the list of what is desired. */
  readonly count: number;
  readonly role?: string;
  readonly revocable?: boolean;
};

const DEFAULT_REPLACE_MS = 300_000;
const DEFAULT_RETRY: RetryOptions = { max: 3 };
const MAX_MEMBERS = 64;

/** A desired task that was read. */
export type PreparedTask = {
  readonly key: string;
  readonly token: string;
  readonly payload: unknown;
  readonly parts: readonly TaskPart[];
  readonly isGroup: boolean;
  readonly needs: readonly TaskNeed[];
  readonly executor: ExecutorDescription | undefined;
  readonly near: Readonly<Record<string, readonly string[]>>;
  readonly group: string;
  readonly retry: RetryPolicy;
  readonly deadlineMs: number | undefined;
  readonly restartsAlways: boolean;
  readonly replaceUnreachableAfterMs: number;
  /** Equal as long as the same is wanted, as far as data can tell. */
  readonly fingerprint: string;
};

/** A program and its arguments, run as they are. */
export const cmd = (...argv: readonly string[]): TaskBody => ({ command: { argv: [...argv] } });

/** Throws a `TypeError` that says what is wrong. */
export function prepareTask(desired: DesiredTask): PreparedTask {
  const isGroup = 'members' in desired;
  const parts = isGroup ? desired.members : [desired];
  if (parts.length < 1 || parts.length > MAX_MEMBERS)
    throw new TypeError(`members: a group has 1 to ${MAX_MEMBERS} tasks`);
  const executor = parsed('executor', ExecutorDescription.optional(), desired.executor);
  const where = parsed('where', Constraints, desired.where ?? []);
  const role = parsed('role', RoleName.optional(), desired.role);
  const reservationId = parsed('reservationId', ReservationId.optional(), desired.reservationId);
  const needs = parts.map(({ need, volumes }) => ({
    ...readNeed(need),
    where,
    ...(role !== undefined && { role }),
    ...(reservationId !== undefined && { reservationId }),
    ...(desired.revocable === true && { isRevocable: true }),
    ...(volumes !== undefined && { volumes: volumes.map(({ volumeId }) => volumeId) }),
    ...(executor !== undefined && { executor }),
  }));
  const { key, payload, near = {}, group = '', deadlineMs } = desired;
  return {
    key,
    token: keyToken(key),
    payload,
    parts,
    isGroup,
    needs: needs.map(onlyWhatIsNeeded),
    executor,
    near,
    group,
    retry: retryPolicy(desired.retry ?? (desired.restart === 'always' ? {} : DEFAULT_RETRY)),
    deadlineMs,
    restartsAlways: desired.restart === 'always',
    replaceUnreachableAfterMs: desired.replaceUnreachableAfterMs ?? DEFAULT_REPLACE_MS,
    fingerprint: JSON.stringify([
      parts.map(({ run }) => String(typeof run === 'function' ? '' : JSON.stringify(run))),
      parts.map((part) => part.limits ?? {}),
      needs,
    ]),
  };
}

/** Expected work that was read: what it would be, and how many of it. */
export type PreparedWork = { readonly prepared: PreparedTask; readonly count: number };

/** Throws a `TypeError` that says what is wrong. */
export function prepareExpected({ need, count, role, revocable }: ExpectedWork): PreparedWork {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new TypeError('expected: count is a whole number from 0');
  const body = { key: 'expected', need, run: {}, ...(role !== undefined && { role }) };
  return { prepared: prepareTask({ ...body, ...(revocable === true && { revocable }) }), count };
}

/** The executor's resources only: its command is no part of what places are compared by. */
function onlyWhatIsNeeded(need: TaskNeed): TaskNeed {
  if (need.executor === undefined) return need;
  const { executorId, resources: held } = need.executor;
  return { ...need, executor: { executorId, resources: held } };
}

function readNeed(need: NeedSpec): Pick<TaskNeed, 'resources' | 'portCount'> {
  if ('resources' in need) return need;
  const { ports, ...amounts } = need;
  if (typeof ports !== 'number')
    return { resources: resources({ ...amounts, ...(ports !== undefined && { ports }) }) };
  if (!Number.isInteger(ports) || ports < 0 || ports > 65_535)
    throw new TypeError('ports: a number of ports, or which: "31000-31009"');
  return { resources: resources(amounts), portCount: ports };
}

/** Throws what `run` throws, or a `TypeError` that names the field. */
export function describeTask(
  prepared: PreparedTask,
  part: TaskPart,
  take: Take,
  place: LaunchPlace,
): TaskDescription {
  const body = typeof part.run === 'function' ? part.run(place) : part.run;
  const { executor, isGroup } = prepared;
  const isRevocable = prepared.needs.some((need) => need.isRevocable === true);
  return parsed(`task ${place.taskId}`, TaskDescription, {
    ...body,
    taskId: place.taskId,
    agentId: place.agentId,
    resources: take.resources,
    ...(take.reservationId !== undefined && { reservationId: take.reservationId }),
    ...(part.limits !== undefined && { limits: limits(part.limits) }),
    ...(part.volumes !== undefined && { volumes: part.volumes }),
    ...(isRevocable && { revocable: true }),
    ...(executor !== undefined && !isGroup && { executor }),
  });
}

/** The ports that were chosen for a task: those that it did not name itself. */
export function portsOf(take: Take): number[] {
  return take.resources.ports.flatMap(([begin, end]) =>
    Array.from({ length: Math.min(end - begin + 1, MILLI) }, (_, index) => begin + index),
  );
}

type Schema<T> = {
  safeParse(
    value: unknown,
  ): { success: true; data: T } | { success: false; error: Parameters<typeof describeIssues>[1] };
};

function parsed<T>(what: string, schema: Schema<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new TypeError(describeIssues(what, result.error));
  return result.data;
}
