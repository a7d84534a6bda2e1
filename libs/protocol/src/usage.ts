// Owns what agents tell of the use of each unit (a scope: of a task, or of an executor with the tasks in it), and how
// somebody asks for it.
import * as z from 'zod';
import { ExecutorRef, TaskRef } from './ids.ts';

/** Units of one message: some 200 KB at most, well below what a server takes. */
export const UNITS_A_PART = 500;

const Count = z.int().min(0);

/** What passed the link of a private network since it was made; `in` is what the task received. */
export const NetworkTraffic = z.object({
  inBytes: Count,
  inPackets: Count,
  outBytes: Count,
  outPackets: Count,
});
export type NetworkTraffic = z.infer<typeof NetworkTraffic>;

/** `task` or `executor` says whose it is. What the host does not count is left out. */
export const UnitUsage = z.object({
  task: TaskRef.optional(),
  executor: ExecutorRef.optional(),
  /** CPU time in the interval of the message. */
  cpuUs: Count,
  /** Since its beginning, as is what follows but for memory and pids, which are those of now. */
  cpuTotalUs: Count,
  memoryBytes: Count,
  memoryPeakBytes: Count.optional(),
  pids: Count.optional(),
  /** How long its CPU limit kept it from running. */
  throttledUs: Count.optional(),
  ioReadBytes: Count.optional(),
  ioWriteBytes: Count.optional(),
  /** Requests to block devices. */
  ioReadOperations: Count.optional(),
  ioWriteOperations: Count.optional(),
  /** Of a task with a network of its own; what runs in the host's network cannot be told apart. */
  network: NetworkTraffic.optional(),
});
export type UnitUsage = z.infer<typeof UnitUsage>;

/** One of the `parts` of a sample, which have one `wallTimeMs`; an agent without units sends one without. */
export const UnitsUsage = z.object({
  wallTimeMs: z.int(),
  /** From the sample before to this one. */
  intervalMs: z.int().min(1),
  part: Count,
  parts: z.int().min(1),
  /** CPU time in the interval of units that have ended since; of the whole sample, as each part says. */
  endedCpuUs: Count,
  units: z.array(UnitUsage).max(UNITS_A_PART),
});
export type UnitsUsage = z.infer<typeof UnitsUsage>;

/** Somebody looks for so long, from the arrival on; whoever goes on looking repeats it. */
export const WatchUsage = z.object({ leaseMs: z.int().min(1000).max(60_000) });
export type WatchUsage = z.infer<typeof WatchUsage>;
