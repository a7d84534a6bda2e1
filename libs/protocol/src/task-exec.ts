// Owns what is asked and answered about a command that runs beside a task for somebody at a terminal. The client asks:
// for output behind what it has, to take input behind what was taken. Offsets make a question that is repeated harmless,
// what an agent holds for a session is bounded, and who is silent for a while has none any more.
import * as z from 'zod';
import { TaskRef, Token } from './ids.ts';

/** Bytes of one message; it has to fit a message of the bus (1 MiB). */
export const MAX_INPUT_BYTES = 64 * 1024;
export const MAX_OUTPUT_BYTES = 256 * 1024;
/** Without a question for so long a session ends, and what it runs is killed. */
export const EXEC_LEASE_MS = 15_000;
export const MAX_OUTPUT_WAIT_MS = 1000;

const NO_NUL = /^[^\0]*$/;
const Word = z.string().max(32_768).regex(NO_NUL, 'holds a NUL');
const TerminalSize = z.object({
  rows: z.int().min(1).max(10_000),
  columns: z.int().min(1).max(10_000),
});
export type TerminalSize = z.infer<typeof TerminalSize>;
export const ExecAsk = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    task: TaskRef,
    /** Argument vector; no shell is put before it. */
    argv: z.array(Word).min(1).max(256),
    /** What it has for a terminal; without it output and errors come apart. */
    terminal: TerminalSize.extend({
      type: z.string().regex(/^[A-Za-z0-9._+-]{1,64}$/, 'is no name of a terminal'),
    }).optional(),
  }),
  z.object({
    kind: z.literal('output'),
    /** Output up to here has arrived. */
    from: z.int().min(0),
    /** Milliseconds that the answer may wait for output. */
    waitMs: z.int().min(0).max(MAX_OUTPUT_WAIT_MS),
  }),
  z.object({
    kind: z.literal('input'),
    /** Of the first byte, from the beginning of the session. */
    offset: z.int().min(0),
    data: z.instanceof(Uint8Array).refine(({ length }) => length <= MAX_INPUT_BYTES, {
      message: `at most ${MAX_INPUT_BYTES} bytes are taken at a time`,
    }),
    /** Nothing comes behind it. */
    isLast: z.boolean(),
  }),
  z.object({ kind: z.literal('resize'), size: TerminalSize }),
  /** Ends it, and kills what it runs; also when there is no such session. */
  z.object({ kind: z.literal('end') }),
]);
export type ExecAsk = z.infer<typeof ExecAsk>;

/** `session`: random, chosen by the client: a start that is repeated starts nothing more. */
export const ExecRequest = z.object({ session: Token, ask: ExecAsk });
export type ExecRequest = z.infer<typeof ExecRequest>;

export const ExecEnd = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('exited'), code: z.int() }),
  z.object({ kind: z.literal('signaled'), signal: z.string() }),
  /** It was never begun: the task is over, or its scope cannot be entered. */
  z.object({ kind: z.literal('notStarted'), message: z.string() }),
]);
export type ExecEnd = z.infer<typeof ExecEnd>;

export const ExecResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started') }),
  z.object({
    kind: z.literal('output'),
    /** In its order, from `from` on. */
    output: z.array(
      z.object({ stream: z.enum(['stdout', 'stderr']), data: z.instanceof(Uint8Array) }),
    ),
    /** Behind all of the output. */
    end: ExecEnd.optional(),
  }),
  /** Input up to here was taken; the rest is to be sent again. */
  z.object({ kind: z.literal('input'), taken: z.int().min(0) }),
  z.object({ kind: z.literal('resized') }),
  /** There is no such session, or no more. */
  z.object({ kind: z.literal('ended') }),
]);
export type ExecResult = z.infer<typeof ExecResult>;
