// Owns how far a task or an executor may go beyond what it asked for. What it asked for is in resources.ts; that a limit is
// kept, and what happens at it, is the agent's. Mesos docs, "TaskInfo", `limits`.
import * as z from 'zod';
import { MILLI, type Resources } from './resources.ts';

const NO_LIMIT = 'infinity';
/** In thousandths, like the resource itself. */
const Limit = z.union([z.int().min(1).max(Number.MAX_SAFE_INTEGER), z.literal(NO_LIMIT)]);

/** The most that a host of 64 bits numbers (`PID_MAX_LIMIT`, proc(5)). */
const MAX_PIDS = 4_194_304;

const Rate = z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional();

/**
 * Of the disk that holds its agent's work directory, per second: what is left out is not limited. `weight`: where the disk's
 * scheduler weighs, and 100 without one. systemd.resource-control(5).
 */
const IoLimits = z.object({
  weight: z.int().min(1).max(10_000).optional(),
  readBytes: Rate,
  writeBytes: Rate,
  readOperations: Rate,
  writeOperations: Rate,
});

/**
 * `cpus`: CPU time, in thousandths of a CPU; without it whatever is idle, shared by request. `mem`: in thousandths of a
 * MiB; without it what was asked for. `disk`: of its sandbox, likewise; without it what was asked for, and nothing is kept
 * where none was. `pids`: processes and threads at a time. `io`: reading and writing of the disk; an agent that cannot keep
 * it does not run the task. `pinCpus`: the whole CPUs that are requested are its own; no other task that asks so has them.
 */
export const TaskLimits = z.object({
  cpus: Limit.optional(),
  mem: Limit.optional(),
  disk: Limit.optional(),
  pids: z.int().min(1).max(MAX_PIDS).optional(),
  io: IoLimits.optional(),
  pinCpus: z.boolean().optional(),
});
export type TaskLimits = z.infer<typeof TaskLimits>;

type Limited = { readonly resources: Resources; readonly limits?: TaskLimits | undefined };

/** Why these limits do not go with these resources; begins with the field. Undefined when they do. */
export function limitsFault({ resources, limits = {} }: Limited): string | undefined {
  for (const name of ['cpus', 'mem', 'disk'] as const) {
    const limit = limits[name];
    const requested = resources.scalars[name] ?? 0;
    if (limit === undefined || limit === NO_LIMIT || limit >= requested) continue;
    return `limits.${name}: the limit of ${limit} is below the ${requested} that are requested in resources; it must be at least that, or "${NO_LIMIT}"`;
  }
  const { cpus = 0 } = resources.scalars;
  return limits.pinCpus === true && (cpus === 0 || cpus % MILLI !== 0)
    ? `limits.pinCpus: only whole CPUs can be a task's own, and ${cpus} thousandths are requested`
    : undefined;
}
