// Owns the checks of what is typed on the command line: ids by the protocol's schemas, amounts, task names. A wrong
// value is a usage failure that says what would be right.
import { readName } from '@parley/protocol/file-names';
import {
  AgentId,
  ClusterName,
  FrameworkId,
  type FrameworkRef,
  PrincipalName,
  RoleName,
  TaskId,
  type TaskRef,
} from '@parley/protocol/ids';
import { InvalidArgumentError } from 'commander';
import type * as z from 'zod';

export function parserOf<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
): (value: string) => z.infer<Schema> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const reasons = parsed.error.issues.map((issue) => issue.message).join('; ');
    throw new InvalidArgumentError(`${what} ${reasons}.`);
  };
}

export const clusterArgument = parserOf('a cluster name', ClusterName);
export const agentArgument = parserOf('an agent id', AgentId);
export const principalArgument = parserOf('a principal name', PrincipalName);
export const roleArgument = parserOf('a role', RoleName);
const frameworkIdArgument = parserOf('a framework id', FrameworkId);
const taskIdArgument = parserOf('a task id', TaskId);

/** `a,b` as roles. */
export function rolesArgument(value: string): RoleName[] {
  return value.split(',').map((role) => roleArgument(role.trim()));
}

/** `PRINCIPAL/FRAMEWORK`, as `framework list` prints it. */
export function frameworkArgument(value: string): FrameworkRef {
  const [principal, frameworkId, ...rest] = value.split('/');
  if (principal === undefined || frameworkId === undefined || rest.length > 0) {
    throw new InvalidArgumentError(
      'a framework is PRINCIPAL/FRAMEWORK, as "parley framework list" prints it.',
    );
  }
  return {
    principal: principalArgument(principal),
    frameworkId: frameworkIdArgument(frameworkId),
  };
}

/** `PRINCIPAL/FRAMEWORK/TASK`, as `task list` prints it. */
export function taskArgument(value: string): TaskRef {
  const [principal, frameworkId, taskId, ...rest] = value.split('/');
  if (
    principal === undefined ||
    frameworkId === undefined ||
    taskId === undefined ||
    rest.length > 0
  ) {
    throw new InvalidArgumentError(
      'a task is PRINCIPAL/FRAMEWORK/TASK, as "parley task list" prints it.',
    );
  }
  return {
    principal: principalArgument(principal),
    frameworkId: frameworkIdArgument(frameworkId),
    taskId: taskIdArgument(taskId),
  };
}

/** As `task files list` shows it. */
export function filePathArgument(value: string): Uint8Array<ArrayBuffer> {
  const path = readName(value);
  if (path !== undefined) return path;
  throw new InvalidArgumentError('must have \\\\ for a backslash and \\xNN for a byte.');
}

/** Bytes from the front, or, negative, from the end. */
export function offsetArgument(value: string): number {
  const offset = Number(value);
  if (/^-?\d+$/.test(value) && Number.isSafeInteger(offset)) return offset;
  throw new InvalidArgumentError('must be a whole number of bytes; from the end with - before it.');
}

/** A whole number of at least `min`. */
export function countArgument(min: number): (value: string) => number {
  return (value) => {
    const count = Number(value);
    if (/^\d+$/.test(value) && Number.isSafeInteger(count) && count >= min) return count;
    throw new InvalidArgumentError(`must be a whole number of at least ${min}.`);
  };
}

/** A share of a whole: `50`, `33.3`, with at most one digit behind the point. */
export function percentArgument(value: string): number {
  const percent = Number(value.replace(/%$/, ''));
  if (/^\d+(\.\d)?%?$/.test(value) && percent > 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('must be a percentage from 0.1 to 100.');
}

/** `2s`, `500ms`, `1m`: milliseconds. */
export function durationArgument(value: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) ?? [];
  const factor = unit === undefined ? undefined : { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit];
  if (amount === undefined || factor === undefined) {
    throw new InvalidArgumentError('must be a time such as 500ms, 5s or 2m.');
  }
  return Math.round(Number(amount) * factor);
}

const MAX_INTERVAL_MS = 10_000;

/** As the allocator takes it: milliseconds from 0 to 10,000. */
export function intervalArgument(value: string): number {
  const intervalMs = value === '0' ? 0 : durationArgument(value);
  if (intervalMs <= MAX_INTERVAL_MS) return intervalMs;
  throw new InvalidArgumentError('must be 0, or a time such as 100ms or 2s, up to 10s.');
}

/** Commands whose words are another program's. */
const FOREIGN_WORDS: ReadonlySet<string> = new Set(['master', 'allocator', 'agent', 'gateway']);

/** What an operator asks; every other word behind the name of a service is for that program itself. */
export const OPERATOR_VERBS = {
  agent: ['list', 'deactivate', 'drain', 'reactivate', 'gone'],
  master: ['list', 'step-down'],
  allocator: [],
  gateway: ['user'],
} as const;
export const isOperatorVerb = (service: string, word: string | undefined): boolean =>
  service in OPERATOR_VERBS &&
  OPERATOR_VERBS[service as keyof typeof OPERATOR_VERBS].some((verb) => verb === word);

/**
 * `--context NAME` may stand anywhere before `--`: behind the command it is brought to the front, where the program
 * takes it. The words of a service are left alone.
 */
export function contextFirst(words: readonly string[]): string[] {
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  const isForeign = FOREIGN_WORDS.has(own[0] ?? '') && !isOperatorVerb(own[0] ?? '', own[1]);
  const at = own.findIndex((word) => word === '--context' || word.startsWith('--context='));
  if (at < 0 || isForeign) return [...words];
  const count = own[at] === '--context' ? 2 : 1;
  return [...words.slice(at, at + count), ...words.slice(0, at), ...words.slice(at + count)];
}
