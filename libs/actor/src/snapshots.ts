// Owns what a snapshot is: the items of a state at a journal sequence, in parts, with a manifest that carries
// sequence, state hash and a digest of the parts. Writes it in slices, checks it, reads it back, finds the newest good one.
import { createHash } from 'node:crypto';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { decode, encode } from '@parley/protocol/codec';
import { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import * as z from 'zod';
import type { Core, SnapshotItem, SnapshotReader } from './core.ts';
import { BEGIN_ANEW, Replica } from './replica.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** Below the bus's payload limit, also when the server sends it back in base64. */
export const MAX_PART_BYTES = 512 * 1024;
/** Longest that a snapshot keeps the event loop at a time. */
const MAX_SLICE_MS = 5;
/** Items encoded between two looks at the clock. */
const ITEMS_PER_LOOK = 64;

const Manifest = z.object({
  version: z.literal(1),
  sequence: z.int().min(0),
  rulesVersion: z.int(),
  coreTimeMs: z.int().min(0),
  epoch: Epoch,
  /** Of the state, by the core. */
  hash: z.string(),
  skips: z.array(z.object({ sequence: z.int(), index: z.int() })),
  parts: z.int().min(0),
  /** SHA-256 over all parts. */
  digest: z.string(),
});
export type Manifest = z.infer<typeof Manifest>;

const SnapshotItemSchema = z.tuple([z.string(), z.string(), z.unknown()]);

/** A state as it was when this was made; it is read out while the state goes on changing. */
export type SnapshotSource = {
  readonly head: Omit<Manifest, 'version' | 'parts' | 'digest'>;
  readonly reader: SnapshotReader;
};

export function beginSnapshot<State, Input, Effect>(
  replica: Replica<State, Input, Effect>,
): SnapshotSource {
  const head = {
    sequence: replica.sequence,
    rulesVersion: replica.core.rulesVersion,
    coreTimeMs: replica.coreTimeMs,
    epoch: replica.epoch,
    hash: replica.hash(),
    skips: [...replica.skips],
  };
  return { head, reader: replica.core.snapshot(replica.state) };
}

/** Writes all parts, then the manifest, then reads everything back. Fails with `diskFull`, `unavailable` or `internalError`. */
export async function writeSnapshot(
  store: SnapshotStore,
  source: SnapshotSource,
  nowMs: () => number,
): Promise<Outcome<Manifest>> {
  const { sequence } = source.head;
  const digest = createHash('sha256');
  let parts = 0;
  for await (const bytes of partsOf(source.reader, nowMs)) {
    digest.update(bytes);
    const written = await store.writePart(sequence, parts, bytes);
    if (!written.ok) return written;
    parts += 1;
  }
  const manifest: Manifest = { version: 1, ...source.head, parts, digest: digest.digest('hex') };
  const written = await store.writeManifest(sequence, encode(manifest));
  if (!written.ok) return written;
  const stored = await readParts(store, sequence);
  if (!stored.ok) return stored;
  return stored.value === undefined
    ? fail('internalError', `snapshot ${sequence} does not read back as it was written`)
    : succeed(manifest);
}

/** Items one after the other, each behind its length, cut where a part is full. Yields whenever a slice is over. */
async function* partsOf(reader: SnapshotReader, nowMs: () => number): AsyncGenerator<Uint8Array> {
  let pending: Buffer[] = [];
  let size = 0;
  let sliceEndMs = nowMs() + MAX_SLICE_MS;
  for (
    let items = reader.next(ITEMS_PER_LOOK);
    items.length > 0;
    items = reader.next(ITEMS_PER_LOOK)
  ) {
    for (const item of items) {
      const framed = frameItem(item);
      pending.push(framed);
      size += framed.length;
    }
    if (size >= MAX_PART_BYTES) {
      const whole = Buffer.concat(pending);
      const cut = whole.length - (whole.length % MAX_PART_BYTES);
      for (let at = 0; at < cut; at += MAX_PART_BYTES)
        yield whole.subarray(at, at + MAX_PART_BYTES);
      pending = [whole.subarray(cut)];
      size = whole.length - cut;
    }
    if (nowMs() >= sliceEndMs) {
      await yieldToOthers();
      sliceEndMs = nowMs() + MAX_SLICE_MS;
    }
  }
  if (size > 0) yield Buffer.concat(pending);
}

function frameItem(item: SnapshotItem): Buffer {
  const bytes = encode(item);
  const framed = Buffer.alloc(4 + bytes.length);
  framed.writeUInt32BE(bytes.length);
  framed.set(bytes, 4);
  return framed;
}

/** Undefined when there is no such good snapshot: no manifest, a part missing, or a digest that differs. */
async function readParts(
  store: SnapshotStore,
  sequence: number,
): Promise<Outcome<{ manifest: Manifest; bytes: Uint8Array } | undefined>> {
  const read = await store.readManifest(sequence);
  if (!read.ok) return read;
  const manifest = read.value && parseManifest(read.value);
  if (manifest === undefined || manifest.sequence !== sequence) return succeed(undefined);
  const digest = createHash('sha256');
  const parts: Uint8Array[] = [];
  for (let part = 0; part < manifest.parts; part += 1) {
    const bytes = await store.readPart(sequence, part);
    if (!bytes.ok) return bytes;
    if (bytes.value === undefined) return succeed(undefined);
    digest.update(bytes.value);
    parts.push(bytes.value);
  }
  if (digest.digest('hex') !== manifest.digest) return succeed(undefined);
  return succeed({ manifest, bytes: Buffer.concat(parts) });
}

function parseManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return Manifest.safeParse(decode(bytes)).data;
  } catch {
    return undefined; // Not MessagePack: the same as no manifest.
  }
}

function* itemsIn(bytes: Uint8Array): Generator<SnapshotItem> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at);
    yield SnapshotItemSchema.parse(decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
}

function otherRules(
  { sequence, rulesVersion }: Manifest,
  core: { readonly rulesVersion: number },
): string {
  const remedy =
    rulesVersion > core.rulesVersion
      ? `Start a release that knows version ${rulesVersion}.`
      : BEGIN_ANEW;
  return (
    `snapshot ${sequence} holds a state of rules version ${rulesVersion}; this release has version ` +
    `${core.rulesVersion}. ${remedy}`
  );
}

/**
 * One snapshot as a replica; undefined when it is not good: missing, damaged, or its state has another hash. Fails with
 * `internalError` when it is a state of other rules: read as one of these it would be nonsense.
 */
async function loadSnapshot<State, Input, Effect>(
  core: Core<State, Input, Effect>,
  store: SnapshotStore,
  sequence: number,
): Promise<Outcome<Replica<State, Input, Effect> | undefined>> {
  const read = await readParts(store, sequence);
  if (!read.ok) return read;
  if (read.value === undefined) return succeed(undefined);
  const { manifest, bytes } = read.value;
  if (manifest.rulesVersion !== core.rulesVersion)
    return fail('internalError', otherRules(manifest, core));
  const state = core.restore(itemsIn(bytes));
  if (core.hash(state) !== manifest.hash) return succeed(undefined);
  return succeed(new Replica(core, { ...manifest, state }));
}

/** The newest good snapshot with a sequence of at most `atMost`; undefined when there is none. */
export async function loadNewestSnapshot<State, Input, Effect>(
  core: Core<State, Input, Effect>,
  store: SnapshotStore,
  atMost = Number.MAX_SAFE_INTEGER,
): Promise<Outcome<Replica<State, Input, Effect> | undefined>> {
  const sequences = await store.list();
  if (!sequences.ok) return sequences;
  for (const sequence of sequences.value) {
    if (sequence > atMost) continue;
    const loaded = await loadSnapshot(core, store, sequence);
    if (!loaded.ok || loaded.value !== undefined) return loaded;
  }
  return succeed(undefined);
}

/** Whether manifest and parts are whole, without making a state of them. */
export async function isGoodSnapshot(
  store: SnapshotStore,
  sequence: number,
): Promise<Outcome<boolean>> {
  const read = await readParts(store, sequence);
  return read.ok ? succeed(read.value !== undefined) : read;
}
