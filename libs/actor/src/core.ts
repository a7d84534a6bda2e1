// Owns the actor contract: what a deterministic core is, and the journal entries it is stepped by.
// A core reads no clock, draws no random number and does no I/O; a shell carries its effects out.
import { Epoch } from '@parley/protocol/epoch';
import * as z from 'zod';

/** One append. Every input in it was gathered while the append before it was in flight. */
export const JournalEntry = z.object({
  /** The rules under which every replica steps this entry. */
  rulesVersion: z.int().min(1),
  epoch: Epoch,
  /** Tells the writer's own entry from another's after an append whose outcome is unknown. */
  nonce: z.string(),
  /** Core time: milliseconds, never decreases, stands still while nobody leads. */
  coreTimeMs: z.int().min(0),
  /** For people; never compared. */
  wallTimeMs: z.int(),
  /** The place it was written for. This and the next are missing in entries without a checksum. */
  sequence: z.int().min(1).optional(),
  /** Checksum of the entry before it; missing where the writer did not know one. */
  previous: z.string().optional(),
  /** The schema by which the writer parsed every input before it wrote the entry; missing when it did not. */
  inputSchema: z.string().optional(),
  /** Each is parsed, or has been parsed, by the core's schema. */
  inputs: z.custom<unknown[]>(Array.isArray),
});
export type JournalEntry = z.infer<typeof JournalEntry>;

/** What a core may know beside its state while it steps one input. */
export type StepContext = {
  /** Journal sequence of the entry. */
  readonly sequence: number;
  readonly epoch: Epoch;
  readonly coreTimeMs: number;
  readonly wallTimeMs: number;
  /** The rules of the entry: those of the one before it or newer ones. */
  readonly rulesVersion: number;
};

/** A piece of a snapshot: plain data. */
export type SnapshotItem = readonly [table: string, key: string, record: unknown];

/** Reads a state as it was when the reader was made, while the state goes on changing. */
export interface SnapshotReader {
  /** At most `limit` more items; an empty array at the end. */
  next(limit: number): SnapshotItem[];
}

/** Makes a state a little at a time. */
export interface StateRestorer<State> {
  add(item: SnapshotItem): void;
  /** After the last item: does some of what is left to do. The state when nothing is. */
  finishSome(): State | undefined;
}

/** State is changed in place, by `step` and `finish` only; they are total for valid inputs and a throw is a defect. */
export interface Core<State, Input, Effect> {
  /** The newest rules that it knows. */
  readonly rulesVersion: number;
  /** The oldest: entries of all from there to the newest are stepped as they were first. */
  readonly oldestRulesVersion: number;
  /** The first rules whose releases read entries that are packed. Absent: none are. */
  readonly packsEntriesSince?: number;
  readonly inputSchema: z.ZodType<Input>;
  /** The first rules whose releases know such an input: under older ones nobody journals it. Absent: all know all. */
  inputSince?(input: Input): number;
  create(): State;
  /** Effects of one input, in order. */
  step(state: State, context: StepContext, input: Input): Effect[];
  /** Effects of the entry as a whole, after its last input (expiries first happen in `begin`). */
  begin(state: State, context: StepContext): Effect[];
  finish(state: State, context: StepContext): Effect[];
  /** Hexadecimal; equal states have equal hashes whatever way they were reached. */
  hash(state: State): string;
  /** Does part of that work ahead, for at most so many changed records; returns how many are left. */
  hashSome?(state: State, limit: number): number;
  snapshot(state: State): SnapshotReader;
  restore(items: Iterable<SnapshotItem>): State;
  /** For cores of large states; without it, `restore` is called. */
  restorer?(): StateRestorer<State>;
}
