// Owns what Parley's own HTTP API takes and gives, as schemas: they check requests, and the document of the API is made of them.
import { DEFAULT_LIMIT } from '@parley/cluster-view/query';
import { TaskState } from '@parley/protocol/tasks';
import * as z from 'zod';

const MAX_LIMIT = 1000;
export const Amounts = z
  .record(z.string(), z.number())
  .describe('thousandths of the unit, by name of the resource');

export const ListQuery = z.object({
  filter: z
    .string()
    .max(500)
    .optional()
    .describe(
      'words that a row has to hold all; field:value asks for exactly that, field:a,b for one of these, field: for nothing in it',
    ),
  sort: z
    .string()
    .regex(
      /^-?[A-Za-z]{1,40}(?:\.[A-Za-z0-9_-]{1,64})?$/,
      'must be a field, with - before it for descending',
    )
    .optional(),
  offset: z.coerce.number().int().min(0).max(10_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
});
export type ListQuery = z.infer<typeof ListQuery>;

const MomentShape = z.object({
  sequence: z.number(),
  index: z.number(),
  coreTimeMs: z.number(),
});

export const AgentShape = z.object({
  agentId: z.string(),
  hostname: z.string(),
  state: z.enum(['registered', 'unreachable']),
  condition: z.enum(['active', 'deactivated', 'draining']),
  total: Amounts,
  allocated: Amounts,
  offered: Amounts,
  tasks: z.number(),
});

export const FrameworkShape = z.object({
  principal: z.string(),
  frameworkId: z.string(),
  name: z.string(),
  roles: z.array(z.string()),
  state: z.enum(['subscribed', 'disconnected', 'removed']),
  allocated: Amounts,
  offers: z.number(),
  tasks: z.record(z.string(), z.number()),
  rampUpMs: z.number().optional(),
  submittedAtMs: z.number().optional().describe('its first subscription, in core time'),
  completionMs: z
    .number()
    .optional()
    .describe('once it is removed: from its first subscription to the last news of a task of it'),
  deeds: z
    .object({
      offered: z.number(),
      accepted: z.number(),
      declined: z.number(),
      rescinded: z.number(),
      lastOfferAtMs: z.number().optional(),
      declinedBecause: z.record(z.string(), z.number()),
      lastUpdateAtMs: z.number().optional(),
    })
    .optional()
    .describe(
      'what it did with offers since this gateway was started; absent while nothing happened',
    ),
});

export const TaskShape = z.object({
  principal: z.string(),
  frameworkId: z.string(),
  taskId: z.string(),
  name: z.string(),
  agentId: z.string(),
  state: TaskState,
  resources: Amounts,
  reason: z.string().optional(),
  message: z.string().optional(),
  launchedAtMs: z.number().optional(),
  changedAtMs: z.number().optional(),
});

export const OfferShape = z.object({
  offerId: z.string(),
  principal: z.string(),
  frameworkId: z.string(),
  role: z.string(),
  agentId: z.string(),
  resources: Amounts,
  madeAtMs: z.number(),
  outcome: z.string().optional().describe('absent while it is outstanding'),
  endedAtMs: z.number().optional(),
});

export const EventShape = z.object({
  sequence: z.number(),
  index: z.number(),
  coreTimeMs: z.number(),
  wallTimeMs: z.number(),
  text: z.string(),
  event: z.looseObject({ type: z.string() }),
});

export const pageOf = <Row extends z.ZodType>(row: Row) =>
  z.object({ moment: MomentShape, staleMs: z.number(), total: z.number(), items: z.array(row) });

export const OverviewShape = z.object({
  moment: MomentShape,
  staleMs: z.number(),
  cluster: z.string(),
  leader: z.string().nullable(),
  total: Amounts,
  allocated: Amounts,
  offered: Amounts,
  agents: z.object({ registered: z.number(), unreachable: z.number() }),
  frameworks: z.object({ subscribed: z.number(), disconnected: z.number() }),
  tasks: z.record(z.string(), z.number()).describe('live ones, by state'),
  offers: z.number(),
});

/** `123.4`: after this event. `123`: after all of that entry. */
export const EventPlace = z
  .string()
  .regex(/^\d{1,15}(?:\.\d{1,16})?$/, 'must be such as 123 or 123.4')
  .transform((text) => {
    const [sequence, index] = text.split('.').map(Number);
    return { sequence: sequence ?? 0, index: index ?? Number.MAX_SAFE_INTEGER };
  });

export const EventsQuery = z.object({
  after: EventPlace.optional(),
  filter: z.string().max(500).optional().describe('a part of the words, or of the type'),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
});

export const Problem = z.object({ error: z.string() });
