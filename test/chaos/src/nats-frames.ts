// Owns reading the NATS client protocol (NATS docs, "Client protocol") off a byte stream, in both directions: one frame
// for each operation, its bytes as they came. What becomes of a frame is decided elsewhere.

const LINE_END = Buffer.from('\r\n');
/** INFO is the longest line; a server of ours says far less. */
const MAX_LINE_BYTES = 1024 * 1024;

export type Frame = {
  /** In capitals: PUB, HPUB, MSG, HMSG, INFO, PING ... */
  readonly verb: string;
  /** What follows the verb on its line. */
  readonly rest: string;
  /** Of what carries a message. */
  readonly subject?: string;
  readonly reply?: string;
  /** Of what carries headers: their text. */
  readonly headers?: string;
  readonly bytes: Buffer;
};

type Line = Pick<Frame, 'verb' | 'rest' | 'subject' | 'reply'> & {
  readonly headerBytes: number;
  readonly payloadBytes: number;
};

export class FrameReader {
  #left: Buffer = Buffer.alloc(0);

  /** The frames that are complete with this. Throws at what cannot be the protocol. */
  push(chunk: Buffer): readonly Frame[] {
    this.#left = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    const frames: Frame[] = [];
    let from = 0;
    for (;;) {
      const frame = readFrame(this.#left, from);
      if (frame === undefined) break;
      frames.push(frame);
      from += frame.bytes.length;
    }
    this.#left = this.#left.subarray(from);
    return frames;
  }
}

function readFrame(bytes: Buffer, from: number): Frame | undefined {
  const lineEnd = bytes.indexOf(LINE_END, from);
  if (lineEnd < 0) {
    if (bytes.length - from > MAX_LINE_BYTES) throw new Error('a line of the protocol has no end');
    return undefined;
  }
  const line = readLine(bytes.toString('utf8', from, lineEnd));
  const { verb, rest, subject, reply, headerBytes, payloadBytes } = line;
  const bodyFrom = lineEnd + LINE_END.length;
  const end = subject === undefined ? bodyFrom : bodyFrom + payloadBytes + LINE_END.length;
  if (bytes.length < end) return undefined;
  return {
    verb,
    rest,
    ...(subject !== undefined && { subject }),
    ...(reply !== undefined && { reply }),
    ...(headerBytes > 0 && { headers: bytes.toString('utf8', bodyFrom, bodyFrom + headerBytes) }),
    bytes: bytes.subarray(from, end),
  };
}

/** How many words stand between the subject and the optional reply, and how many sizes end the line. */
const SHAPES: Readonly<Record<string, { readonly between: number; readonly sizes: number }>> = {
  PUB: { between: 0, sizes: 1 },
  HPUB: { between: 0, sizes: 2 },
  MSG: { between: 1, sizes: 1 },
  HMSG: { between: 1, sizes: 2 },
};

function readLine(line: string): Line {
  const [first = '', ...words] = line.split(/[ \t]+/);
  const verb = first.toUpperCase();
  const rest = line.slice(first.length).trimStart();
  const shape = SHAPES[verb];
  if (shape === undefined) return { verb, rest, headerBytes: 0, payloadBytes: 0 };
  const sizes = words.slice(-shape.sizes).map(Number);
  const named = words.slice(0, -shape.sizes);
  const [subject] = named;
  const reply = named[1 + shape.between];
  const isWhole =
    sizes.length === shape.sizes && sizes.every((size) => Number.isInteger(size) && size >= 0);
  if (subject === undefined || !isWhole) throw new Error(`not the NATS protocol: ${line}`);
  return {
    verb,
    rest,
    subject,
    ...(reply !== undefined && { reply }),
    headerBytes: shape.sizes === 2 ? (sizes[0] ?? 0) : 0,
    payloadBytes: sizes.at(-1) ?? 0,
  };
}
