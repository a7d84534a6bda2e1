// Owns how messages lie on the socket between an executor and its agent: four bytes of length (big endian), then
// MessagePack. Bytes in, values out; what the values mean is in executors.ts.
import type * as z from 'zod';
import { decode, encode } from './codec.ts';
import { fail, type Outcome, succeed } from './errors.ts';
import { type FromExecutor, MAX_EXECUTOR_MESSAGE_BYTES, type ToExecutor } from './executors.ts';
import { describeIssues } from './message.ts';

const HEADER_BYTES = 4;

/** The bytes of one message. Fails with `tooLarge`; the value is trusted to be of its type. */
export function encodeFrame(value: FromExecutor | ToExecutor): Outcome<Uint8Array> {
  const body = encode(value);
  if (body.length > MAX_EXECUTOR_MESSAGE_BYTES) {
    return fail(
      'tooLarge',
      `${body.length} bytes; a message has at most ${MAX_EXECUTOR_MESSAGE_BYTES}`,
    );
  }
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, HEADER_BYTES);
  return succeed(frame);
}

/** Cuts what arrives on one connection into messages. After a failure it gives no more: the connection is to end. */
export class FrameReader<Schema extends z.ZodType> {
  readonly #schema: Schema;
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  #isBroken = false;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** The messages that these bytes complete, in order; the last is a failure (`malformed`, `tooLarge`) if there is one. */
  push(bytes: Uint8Array): Outcome<z.infer<Schema>>[] {
    const read: Outcome<z.infer<Schema>>[] = [];
    if (this.#isBroken) return read;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    for (;;) {
      const message = this.#next();
      if (message === undefined) return read;
      read.push(message);
      if (message.ok) continue;
      this.#isBroken = true;
      return read;
    }
  }

  #next(): Outcome<z.infer<Schema>> | undefined {
    if (this.#length < HEADER_BYTES) return undefined;
    const header = this.#peek(HEADER_BYTES);
    const size = new DataView(header.buffer, header.byteOffset).getUint32(0);
    if (size > MAX_EXECUTOR_MESSAGE_BYTES) {
      return fail('tooLarge', `a message of ${size} bytes; at most ${MAX_EXECUTOR_MESSAGE_BYTES}`);
    }
    if (this.#length < HEADER_BYTES + size) return undefined;
    const frame = this.#peek(HEADER_BYTES + size);
    this.#parts[0] = frame.subarray(HEADER_BYTES + size);
    // What the message holds is its own: the buffer of the socket is not.
    const body = Uint8Array.from(frame.subarray(HEADER_BYTES, HEADER_BYTES + size));
    this.#length -= HEADER_BYTES + size;
    return this.#parse(body);
  }

  /** The first of what waits, with at least so many bytes; joins parts only when they are needed. */
  #peek(count: number): Uint8Array {
    const [first = new Uint8Array(0)] = this.#parts;
    if (first.length >= count) return first;
    const joined = Buffer.concat(this.#parts);
    this.#parts.splice(0, this.#parts.length, joined);
    return joined;
  }

  #parse(body: Uint8Array): Outcome<z.infer<Schema>> {
    let value: unknown;
    try {
      value = decode(body);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail('malformed', `not MessagePack: ${why}`);
    }
    const parsed = this.#schema.safeParse(value);
    return parsed.success
      ? succeed(parsed.data)
      : fail('malformed', describeIssues('message', parsed.error));
  }
}
