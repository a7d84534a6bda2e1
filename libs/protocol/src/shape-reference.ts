// Owns how the generated reference speaks of schemas: the shapes that have a name of their own, fields, words for types.
// Pure: schemas in, Markdown out. The page around it is in subject-reference.ts.
import * as z from 'zod';
import { AgentTask } from './agents.ts';
import { Fact, FreeReservation, OpenNeed, Proposal } from './allocation.ts';
import { Check, CheckResult, HealthCheck, Probe } from './checks.ts';
import { Command } from './command.ts';
import { Constraint } from './constraints.ts';
import { Failure } from './errors.ts';
import { ExecutorDescription } from './executor-description.ts';
import { FromExecutor, ToExecutor } from './executors.ts';
import { FrameworkEvent, Need } from './frameworks.ts';
import { ExecutorRef, FrameworkRef, TaskRef } from './ids.ts';
import { Filter, Offer, OfferedReservation, OfferedVolume, Operation } from './offers.ts';
import { Resources } from './resources.ts';
import { TaskCause } from './task-causes.ts';
import { ExecAsk, ExecResult } from './task-exec.ts';
import { FileEntry, FilesAsk, FilesResult } from './task-files.ts';
import { TaskImage } from './task-image.ts';
import { TaskLimits } from './task-limits.ts';
import { TaskDescription, TaskStatus, Transfer, UnparsedTask, VolumeMount } from './tasks.ts';
import { Uri } from './uris.ts';

/** Shapes that stand for themselves in the reference, in its order. */
const SHAPES = {
  Resources,
  Offer,
  OfferedReservation,
  OfferedVolume,
  Filter,
  Operation,
  UnparsedTask,
  TaskDescription,
  TaskLimits,
  Command,
  ExecutorDescription,
  Transfer,
  Uri,
  TaskImage,
  VolumeMount,
  HealthCheck,
  Check,
  Probe,
  CheckResult,
  TaskStatus,
  TaskCause,
  Need,
  Constraint,
  FrameworkEvent,
  Failure,
  FrameworkRef,
  TaskRef,
  ExecutorRef,
  AgentTask,
  FilesAsk,
  FilesResult,
  FileEntry,
  ExecAsk,
  ExecResult,
  Fact,
  FreeReservation,
  OpenNeed,
  Proposal,
  FromExecutor,
  ToExecutor,
} as const satisfies Record<string, z.ZodType>;

const NOTES: Partial<Record<keyof typeof SHAPES, string>> = {
  Resources:
    'Amounts are thousandths: `{ scalars: { cpus: 500, mem: 64000 } }` is half a CPU and 64 MiB.',
  UnparsedTask:
    'A [TaskDescription](#taskdescription). Each is parsed by itself: what is wrong with one is answered for that one. Only an id that is no token fails the whole call: no status update could carry it.',
  FromExecutor: 'From an executor to its agent, over the unix socket in its sandbox.',
  ToExecutor: 'From an agent to an executor.',
};

const names = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(SHAPES)) names.add(schema, { id });

/** A JSON schema as far as the reference speaks of it. */
const JsonShape = z.object({
  $ref: z.string().optional(),
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
  prefixItems: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.unknown().optional(),
  default: z.unknown().optional(),
});
type JsonShape = z.infer<typeof JsonShape>;

/** The section of all named shapes. */
export function renderShapes(): string {
  return Object.entries(SHAPES).map(renderShape).join('\n');
}

/** One line that names each field and its type. */
export function fieldsOf(schema: z.ZodType): string {
  const shape = jsonOf(schema);
  return shape.$ref === undefined ? describeFields(shape) : typeOf(shape);
}

function renderShape([name, schema]: [string, z.ZodType]): string {
  const { $defs = {} } = z
    .looseObject({ $defs: z.record(z.string(), z.unknown()).optional() })
    .parse(rawJsonOf(z.object({ shape: schema })));
  const shape = JsonShape.parse($defs[name]);
  const note = Object.entries(NOTES).find(([noted]) => noted === name)?.[1];
  const variants = shape.oneOf ?? shape.anyOf;
  const lines =
    variants === undefined
      ? [describeFields(shape)]
      : variants.map((variant) => `- ${describeFields(JsonShape.parse(variant))}`);
  return [`### ${name}\n`, ...(note === undefined ? [] : [`${note}\n`]), ...lines, ''].join('\n');
}

const rawJsonOf = (schema: z.ZodType): unknown =>
  z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    metadata: names,
  });

const jsonOf = (schema: z.ZodType): JsonShape => JsonShape.parse(rawJsonOf(schema));

function describeFields({ properties = {}, required = [] }: JsonShape): string {
  const fields = Object.entries(properties).map(([name, shape]) => {
    const { default: value } = JsonShape.parse(shape);
    const byDefault = isPlain(value) ? `, default ${String(value)}` : '';
    return `\`${name}${required.includes(name) ? '' : '?'}\` (${typeOf(shape)}${byDefault})`;
  });
  return fields.length === 0 ? 'no fields' : fields.join(', ');
}

const isPlain = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') || ['number', 'boolean'].includes(typeof value);

function typeOf(value: unknown): string {
  const shape = JsonShape.safeParse(value);
  if (!shape.success) return 'any';
  const { $ref, type, items, prefixItems, properties, additionalProperties } = shape.data;
  const name = $ref?.slice($ref.lastIndexOf('/') + 1);
  if (name !== undefined) return `[${name}](#${name.toLowerCase()})`;
  if (shape.data.enum !== undefined) return shape.data.enum.map(String).join(' \\| ');
  if (shape.data.const !== undefined) return `\`${String(shape.data.const)}\``;
  const variants = shape.data.anyOf ?? shape.data.oneOf;
  if (variants !== undefined) return [...new Set(variants.map(typeOf))].join(' or ');
  if (type === 'array' && prefixItems !== undefined)
    return `[${prefixItems.map(typeOf).join(', ')}]`;
  if (type === 'array') return `list of ${typeOf(items)}`;
  if (properties !== undefined) return `{ ${describeFields(shape.data)} }`;
  if (type === 'object') return `map of ${typeOf(additionalProperties ?? {})}`;
  return type ?? 'bytes';
}
