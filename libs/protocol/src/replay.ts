// Owns the shape of what is told of the past: a line an input, an order, an event or a thing left out, as replayed from
// snapshot and journal. How lines are made is in @parley/replay.
import * as z from 'zod';
import { AgentId, FrameworkId, FrameworkRef, OfferId, TaskId, TaskRef } from './ids.ts';

/** `input`: journalled. `order`, `event`: derived from it. `skipped`: an input that made a step throw, or that is none. */
export const ReplayPart = z.enum(['input', 'order', 'event', 'skipped']);
export type ReplayPart = z.infer<typeof ReplayPart>;

export const ReplayLine = z.object({
  /** Of the journal entry, and the place within it: among its inputs, or among what came of it. */
  sequence: z.int().min(1),
  index: z.int().min(-1),
  /** When the journal's server stored the entry: wall clock, milliseconds since 1970. */
  storedMs: z.int(),
  coreTimeMs: z.int(),
  part: ReplayPart,
  /** `accept`, `updates`, `offerMade`, `run` ... */
  kind: z.string(),
  /** One sentence for people. */
  text: z.string(),
  /** What it is about. */
  agents: z.array(AgentId),
  frameworks: z.array(FrameworkRef),
  tasks: z.array(TaskRef),
  offers: z.array(OfferId),
  /** The input or event itself. Left out where a page would be too large for the bus. */
  detail: z.unknown().optional(),
});
export type ReplayLine = z.infer<typeof ReplayLine>;

/** Where a page begins: an entry, or the first one stored from then on. */
const ReplayPlace = z.union([
  z.object({
    sequence: z.int().min(1),
    /** Lines of that entry that were told already. */
    skip: z.int().min(0).default(0),
  }),
  z.object({ storedMs: z.int() }),
]);

/** Absent: from the first entry that is kept. With a limit of 0 it asks only what is kept. */
export const ReplayPageRequest = z
  .object({
    from: ReplayPlace.optional(),
    limit: z.int().min(0).max(1000).default(500),
    framework: FrameworkId.optional(),
    agent: AgentId.optional(),
    task: TaskId.optional(),
  })
  .refine(
    ({ framework, task }) => task === undefined || framework !== undefined,
    'a task is named with its framework',
  );
export type ReplayPageRequest = z.infer<typeof ReplayPageRequest>;

const StoredAt = z.object({ sequence: z.int().min(0), storedMs: z.int() });

/** A page may be empty and not the last one: whoever answers looks at a bounded part of the journal at a time. */
export const ReplayPage = z.object({
  lines: z.array(ReplayLine),
  /** Where the next page begins. */
  next: z.object({ sequence: z.int().min(1), skip: z.int().min(0) }),
  /** There is no more at present. */
  isEnd: z.boolean(),
  /** The entries from which on lines can be told, and the last one. */
  first: StoredAt,
  last: StoredAt,
});
export type ReplayPage = z.infer<typeof ReplayPage>;
