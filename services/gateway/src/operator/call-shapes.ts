// Owns reading the parts of Mesos's operator calls that this gateway carries out: what is not of its shape is refused in a
// sentence that names the field.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, RoleName } from '@parley/protocol/ids';
import { MILLI, ScalarName } from '@parley/protocol/resources';
import * as z from 'zod';
import { frameworkOfMesosId } from '../read-model/mesos-ids.ts';

/** JSON of Mesos's clients has numbers as text too, and what is read from protobuf may be a bigint. */
export const Whole = z
  .union([z.number(), z.bigint(), z.string().regex(/^-?\d{1,19}$/)])
  .transform(Number);
const Amount = z.union([z.number(), z.string()]).transform(Number).pipe(z.number().min(0));

/** Mesos counts three digits after the point. */
const Milli = Amount.transform((value) => Math.round(value * MILLI)).pipe(
  z.int().max(Number.MAX_SAFE_INTEGER),
);

export const AgentIdField = z.object({ value: AgentId }).transform(({ value }) => value);
export const FrameworkIdField = z.object({ value: z.string() }).transform(({ value }, context) => {
  const framework = frameworkOfMesosId(value);
  if (framework !== undefined) return framework;
  context.addIssue('No framework has such an id');
  return z.NEVER;
});

/** `{ cpus: { value: 2 } }`, or plain numbers as the pages take them. */
/** A record would leave this one out without a word, and what is left may mean no quota at all. */
const Named = z
  .unknown()
  .refine(
    (value) => typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__'),
    'no resource is named __proto__',
  );
export const QuantitiesField = Named.pipe(
  z.record(
    ScalarName,
    z.union([z.object({ value: Milli }).transform(({ value }) => value), Milli]),
  ),
);

const Label = z.object({ key: z.string(), value: z.string().default('') });
const ReservationField = z.object({
  role: RoleName.exactOptional(),
  type: z.string().exactOptional(),
  principal: z.string().exactOptional(),
  labels: z.object({ labels: z.array(Label).default([]) }).exactOptional(),
});

export const ResourceField = z.object({
  name: z.string(),
  type: z.string().optional(),
  scalar: z.object({ value: Milli }).optional(),
  ranges: z
    .object({ range: z.array(z.object({ begin: Whole, end: Whole })).default([]) })
    .optional(),
  set: z.object({ item: z.array(z.string()).default([]) }).optional(),
  role: RoleName.optional(),
  reservation: ReservationField.optional(),
  reservations: z.array(ReservationField).default([]),
  disk: z
    .object({
      persistence: z.object({ id: z.string().min(1).max(255) }).optional(),
      volume: z.object({ container_path: z.string().max(255) }).optional(),
    })
    .optional(),
});
export type MesosResourceField = z.infer<typeof ResourceField>;

/** Of protobuf's and of Mesos's own durations. */
export const DurationField = z
  .union([
    z
      .object({ nanoseconds: Whole })
      .transform(({ nanoseconds }) => Math.round(nanoseconds / 1_000_000)),
    z
      .object({ seconds: Whole.default(0), nanos: Whole.default(0) })
      .transform(({ seconds, nanos }) => seconds * 1000 + Math.round(nanos / 1_000_000)),
  ])
  .pipe(z.int().min(0));

export const MachineField = z.object({
  hostname: z.string().optional(),
  ip: z.string().optional(),
});
const TimeField = z
  .object({ nanoseconds: Whole })
  .transform(({ nanoseconds }) => Math.round(nanoseconds / 1_000_000));
export const ScheduleField = z.object({
  windows: z
    .array(
      z.object({
        machine_ids: z.array(MachineField).min(1),
        unavailability: z.object({ start: TimeField, duration: DurationField.optional() }),
      }),
    )
    .default([]),
});

/** Fails with `malformed`; the message names the field. */
export function readField<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  name: string,
): Outcome<z.infer<Schema>> {
  if (value === undefined || value === null) {
    return fail('malformed', `Expecting '${name}' to be present`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return succeed(parsed.data);
  const [issue] = parsed.error.issues;
  const place = [name, ...(issue?.path ?? [])].join('.');
  return fail('malformed', `Failed to validate ${place}: ${issue?.message ?? 'not of its shape'}`);
}
