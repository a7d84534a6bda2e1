// Owns the shapes of checks: how an agent asks a running task how it is. A health check decides whether the task is
// well and ends one that is not; a plain check only reports what it found. Mesos docs, "Task health checking".
import * as z from 'zod';
import { Command } from './command.ts';

const Port = z.int().min(1).max(65535);

/** HTTP and TCP go to 127.0.0.1. HTTP: a status from 200 to 399 is well. Command: exit code 0 is well. */
export const Probe = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('command'), command: Command }),
  z.object({
    kind: z.literal('http'),
    port: Port,
    scheme: z.enum(['http', 'https']).default('http'),
    path: z
      .string()
      .max(2048)
      .regex(/^\/[\u0021-\u007e]*$/, 'must begin with "/" and hold no blanks')
      .default('/'),
  }),
  z.object({ kind: z.literal('tcp'), port: Port }),
]);
export type Probe = z.infer<typeof Probe>;

const DAY_MS = 24 * 3600 * 1000;
const timing = {
  /** From `running` to the first probe. */
  delayMs: z.int().min(0).max(DAY_MS).default(15_000),
  /** From the end of one probe to the next. */
  intervalMs: z.int().min(100).max(DAY_MS).default(10_000),
  /** A probe without a result by then has failed. */
  timeoutMs: z.int().min(100).max(DAY_MS).default(20_000),
};

export const HealthCheck = z.object({
  probe: Probe,
  ...timing,
  /** So many failures in a row end the task. */
  failures: z.int().min(1).max(1000).default(3),
  /** From `running`: failures before it, and before the first success, do not count. */
  gracePeriodMs: z.int().min(0).max(DAY_MS).default(10_000),
});
export type HealthCheck = z.infer<typeof HealthCheck>;

export const Check = z.object({ probe: Probe, ...timing });
export type Check = z.infer<typeof Check>;

/** A missing figure: the probe had no result (timeout, nothing listens, not started). */
export const CheckResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('command'), exitCode: z.int().optional() }),
  z.object({ kind: z.literal('http'), statusCode: z.int().optional() }),
  z.object({ kind: z.literal('tcp'), succeeded: z.boolean().optional() }),
]);
export type CheckResult = z.infer<typeof CheckResult>;
