// The part of the D-Bus wire format that talking to systemd takes: method calls out; returns, errors and signals in.
// Source: the D-Bus specification, "Message Protocol". Little-endian only, which every host that Node runs on here is.

/** A value with its D-Bus type: string, boolean, 64-bit unsigned, array of 32-bit unsigned, of bytes, of text and amount, of two texts. */
export type DBusVariant =
  | { readonly type: 's'; readonly value: string }
  | { readonly type: 'b'; readonly value: boolean }
  | { readonly type: 't'; readonly value: bigint }
  | { readonly type: 'au'; readonly value: readonly number[] }
  | { readonly type: 'ay'; readonly value: readonly number[] }
  | { readonly type: 'a(ss)'; readonly value: readonly (readonly [string, string])[] }
  | { readonly type: 'a(st)'; readonly value: readonly (readonly [string, bigint])[] };

export type DBusProperty = readonly [name: string, variant: DBusVariant];

export type DBusMessage = {
  readonly kind: 'return' | 'error' | 'signal' | 'other';
  readonly replySerial: number | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  readonly body: WireReader;
};

export type DBusCall = {
  readonly serial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: (writer: WireWriter) => void;
};

const METHOD_CALL = 1;
const KINDS = [undefined, undefined, 'return', 'error', 'signal'] as const;
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  signature: 8,
} as const;
const LITTLE_ENDIAN = 0x6c;
const PROTOCOL_VERSION = 1;
const FIXED_HEADER_BYTES = 16;
/** The specification's own limit. */
const MAX_MESSAGE_BYTES = 128 * 1024 * 1024;

export class WireWriter {
  #buffer = Buffer.alloc(1024);
  #length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  align(boundary: number): void {
    const padding = (boundary - (this.#length % boundary)) % boundary;
    this.#reserve(padding);
    this.#buffer.fill(0, this.#length, this.#length + padding);
    this.#length += padding;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  uint32(value: number): void {
    this.align(4);
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  uint64(value: bigint): void {
    this.align(8);
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
  }

  /** A string or an object path. */
  string(value: string): void {
    this.uint32(Buffer.byteLength(value));
    this.#text(value);
  }

  signature(value: string): void {
    this.byte(value.length);
    this.#text(value);
  }

  /** `boundary`: the alignment of the elements; the length does not count the padding before the first one. */
  array(boundary: number, writeElements: () => void): void {
    this.uint32(0);
    const lengthAt = this.#length - 4;
    this.align(boundary);
    const begin = this.#length;
    writeElements();
    this.#buffer.writeUInt32LE(this.#length - begin, lengthAt);
  }

  properties(properties: readonly DBusProperty[]): void {
    this.array(8, () => {
      for (const [name, variant] of properties) {
        this.align(8);
        this.string(name);
        this.signature(variant.type);
        this.#variantValue(variant);
      }
    });
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #variantValue(variant: DBusVariant): void {
    switch (variant.type) {
      case 's':
        this.string(variant.value);
        return;
      case 'b':
        this.uint32(variant.value ? 1 : 0);
        return;
      case 't':
        this.uint64(variant.value);
        return;
      case 'au':
        this.array(4, () => {
          for (const each of variant.value) this.uint32(each);
        });
        return;
      case 'ay':
        this.array(1, () => {
          for (const each of variant.value) this.byte(each);
        });
        return;
      case 'a(ss)':
        this.array(8, () => {
          for (const [first, second] of variant.value) {
            this.align(8);
            this.string(first);
            this.string(second);
          }
        });
        return;
      case 'a(st)':
        this.array(8, () => {
          for (const [text, amount] of variant.value) {
            this.align(8);
            this.string(text);
            this.uint64(amount);
          }
        });
    }
  }

  #text(value: string): void {
    this.raw(Buffer.from(`${value}\0`));
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * (this.#length + count));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}

/** Reads in order; throws RangeError beyond the end. Positions count from the start of the message or its body. */
export class WireReader {
  readonly #buffer: Buffer;
  #position: number;

  constructor(buffer: Buffer, position = 0) {
    this.#buffer = buffer;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  align(boundary: number): void {
    this.#position = Math.ceil(this.#position / boundary) * boundary;
  }

  byte(): number {
    this.#position += 1;
    return this.#buffer.readUInt8(this.#position - 1);
  }

  uint32(): number {
    this.align(4);
    this.#position += 4;
    return this.#buffer.readUInt32LE(this.#position - 4);
  }

  string(): string {
    return this.#text(this.uint32());
  }

  signature(): string {
    return this.#text(this.byte());
  }

  #text(length: number): string {
    const begin = this.#position;
    this.#position += length + 1;
    if (this.#position > this.#buffer.length)
      throw new RangeError('a string leads out of its message');
    return this.#buffer.toString('utf8', begin, begin + length);
  }
}

export function encodeCall(call: DBusCall): Buffer {
  const body = new WireWriter();
  call.body(body);
  const message = new WireWriter();
  for (const byte of [LITTLE_ENDIAN, METHOD_CALL, 0, PROTOCOL_VERSION]) message.byte(byte);
  message.uint32(body.bytes.length);
  message.uint32(call.serial);
  const fields = [
    [FIELD.path, 'o', call.path],
    [FIELD.interface, 's', call.interface],
    [FIELD.member, 's', call.member],
  ] as const;
  message.array(8, () => {
    for (const [code, type, value] of fields) {
      message.align(8);
      message.byte(code);
      message.signature(type);
      message.string(value);
    }
    message.align(8);
    message.byte(FIELD.signature);
    message.signature('g');
    message.signature(call.signature);
  });
  message.align(8);
  message.raw(body.bytes);
  return Buffer.from(message.bytes);
}

/**
 * The first message of the bytes and how many it takes; undefined while it is not complete. Throws when the bytes
 * are no D-Bus messages.
 */
export function decodeMessage(
  bytes: Buffer,
): { readonly message: DBusMessage; readonly length: number } | undefined {
  if (bytes.length < FIXED_HEADER_BYTES) return undefined;
  if (bytes.readUInt8(0) !== LITTLE_ENDIAN) throw new Error('systemd does not speak little-endian');
  const fieldsEnd = FIXED_HEADER_BYTES + bytes.readUInt32LE(12);
  const bodyBegin = Math.ceil(fieldsEnd / 8) * 8;
  const length = bodyBegin + bytes.readUInt32LE(4);
  if (length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes is none`);
  if (bytes.length < length) return undefined;
  const fields = readFields(new WireReader(bytes, FIXED_HEADER_BYTES), fieldsEnd);
  const text = (code: number): string | undefined => {
    const value = fields.get(code);
    return typeof value === 'string' ? value : undefined;
  };
  const replySerial = fields.get(FIELD.replySerial);
  const message = {
    kind: KINDS[bytes.readUInt8(1)] ?? 'other',
    replySerial: typeof replySerial === 'number' ? replySerial : undefined,
    member: text(FIELD.member),
    errorName: text(FIELD.errorName),
    body: new WireReader(bytes.subarray(bodyBegin, length)),
  } as const;
  return { message, length };
}

function readFields(reader: WireReader, end: number): Map<number, string | number> {
  const fields = new Map<number, string | number>();
  for (reader.align(8); reader.position < end; reader.align(8)) {
    const code = reader.byte();
    const type = reader.signature();
    switch (type) {
      case 's':
      case 'o':
        fields.set(code, reader.string());
        break;
      case 'g':
        fields.set(code, reader.signature());
        break;
      case 'u':
        fields.set(code, reader.uint32());
        break;
      default:
        throw new Error(`a header field of type ${type} is none`);
    }
  }
  return fields;
}
