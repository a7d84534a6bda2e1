// Owns the wire shape of resources. Their algebra lives in @parley/resources.
import * as z from 'zod';

/**
 * Amounts are integers in thousandths of the resource's unit, so that 0.1 + 0.2 is 0.3:
 * cpus in CPUs (1000 = one CPU), mem and disk in MiB (32000 = 32 MiB), gpus in devices,
 * network_bandwidth in Mbit/s; any other name is a scalar of the operator's own.
 */
export const MILLI = 1000;

export const ScalarName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be 1 to 32 of a-z 0-9 _');
const Amount = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const Port = z.int().min(1).max(65535);
/** Inclusive at both ends. */
export const PortRange = z
  .tuple([Port, Port])
  .refine(([begin, end]) => begin <= end, 'a port range begins before it ends');
export type PortRange = z.infer<typeof PortRange>;

export const Resources = z.object({
  scalars: z.record(ScalarName, Amount).default({}),
  ports: z.array(PortRange).max(1024).default([]),
  sets: z.record(ScalarName, z.array(z.string().min(1).max(255)).max(1024)).default({}),
});
export type Resources = z.infer<typeof Resources>;
/** What a writer may leave out: empty parts. */
export type ResourcesInput = z.input<typeof Resources>;

export const NO_RESOURCES: Resources = Object.freeze({ scalars: {}, ports: [], sets: {} });
