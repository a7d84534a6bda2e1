// Owns what a gateway on an agent's host and the agent say to each other about an executor that was written for Mesos: it
// speaks HTTP with the gateway, and for the agent it is as one on its own socket (executors.ts), with the same messages.
// The gateway asks: to take a word of the executor, for the words that are for it behind those that it has. Numbers make a
// question that is repeated harmless and show what is missing; what an agent holds for a connection is bounded; and a
// gateway that asks nothing for a while has left.
import * as z from 'zod';
import { ExecutorDescription } from './executor-description.ts';
import { FromExecutor, ToExecutor } from './executors.ts';
import { ExecutorRef, Token } from './ids.ts';

/** Without a question for so long a connection counts as gone, as one whose socket was closed. Milliseconds. */
export const RELAY_LEASE_MS = 10_000;
export const MAX_RELAY_WAIT_MS = 1000;
/** Bytes of the messages in one answer, but for the first, which is as long as it is. It has to fit a message of the bus. */
export const MAX_RELAY_ANSWER_BYTES = 256 * 1024;

/** How an executor shows who it is: by what its environment says, else by whose process it is. */
export const ExecutorProof = z.object({
  /** MESOS_EXECUTOR_AUTHENTICATION_TOKEN of its environment. */
  token: z.string().max(1024).optional(),
  /** Number of the user that holds the other end of its connection to the gateway, as the gateway's kernel says. */
  userId: z.int().min(0).optional(),
});
export type ExecutorProof = z.infer<typeof ExecutorProof>;

export const ExecutorRelayAsk = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('open'), executor: ExecutorRef, proof: ExecutorProof }),
  /** Whether it may speak for the executor, without a connection. */
  z.object({ kind: z.literal('prove'), executor: ExecutorRef, proof: ExecutorProof }),
  z.object({
    kind: z.literal('say'),
    /** Counts up from 1 over the messages of this connection. */
    number: z.int().min(1),
    message: FromExecutor,
  }),
  z.object({
    kind: z.literal('hear'),
    /** The last message that has arrived; 0: none. */
    from: z.int().min(0),
    /** Milliseconds that the answer may wait for a message. */
    waitMs: z.int().min(0).max(MAX_RELAY_WAIT_MS),
  }),
  /** Ends the connection; also when there is none. */
  z.object({ kind: z.literal('end') }),
]);
export type ExecutorRelayAsk = z.infer<typeof ExecutorRelayAsk>;

/** `connection`: random, chosen by the gateway: an `open` that is repeated opens nothing more. */
export const ExecutorRelayRequest = z.object({ connection: Token, ask: ExecutorRelayAsk });
export type ExecutorRelayRequest = z.infer<typeof ExecutorRelayRequest>;

export const ExecutorRelayResult = z.discriminatedUnion('kind', [
  /** To `open` and `prove`. */
  z.object({
    kind: z.literal('accepted'),
    description: ExecutorDescription,
    /** The highest number of an update of its that was taken: others count on from there. */
    lastSequence: z.int().min(0),
  }),
  /** Likewise. */
  z.object({
    kind: z.literal('refused'),
    why: z.enum(['unknownExecutor', 'noProof', 'wrongProof']),
    message: z.string(),
  }),
  /** Messages up to here were taken; the next is to be the one behind. */
  z.object({ kind: z.literal('taken'), upTo: z.int().min(0) }),
  z.object({
    kind: z.literal('heard'),
    /** In their order, from behind `from` on. */
    messages: z.array(z.object({ number: z.int().min(1), message: ToExecutor })),
    /** Nothing comes behind these: the agent has ended the connection. */
    isLast: z.boolean(),
  }),
  /** There is no such connection, or no more. */
  z.object({ kind: z.literal('ended') }),
]);
export type ExecutorRelayResult = z.infer<typeof ExecutorRelayResult>;
