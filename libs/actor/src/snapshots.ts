// Owns what a snapshot is: the items of a state at a journal sequence, in parts, with a manifest that carries
// sequence, state hash and a digest of the parts. Writes it in slices, checks it, reads it back, finds the newest good
// one and says which were passed over.
import { createHash } from 'node:crypto';
import { decode, encode } from '@parley/protocol/codec';
import { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { assert } from '@parley/protocol/unreachable';
import * as z from 'zod';
import type { Core, SnapshotItem, SnapshotReader, StateRestorer } from './core.ts';
import { systemTimers } from './nats/system-clock.ts';
import { knowsRules, Replica, unknownRules } from './replica.ts';
import type { SnapshotName, SnapshotStore } from './snapshot-store.ts';
import type { Timers } from './timers.ts';

/** Below the bus's payload limit, also when the server sends it back in base64. */
export const MAX_PART_BYTES = 512 * 1024;
/** Longest that a snapshot keeps the event loop at a time. */
const MAX_SLICE_MS = 5;
/** Parts that are asked for at the same time: the next ones come while one is taken; more gain nothing. */
const READS_IN_FLIGHT = 3;
/** Items restored between two turns of the event loop. */
const ITEMS_A_SLICE = 256;
/** Records hashed between two turns of the event loop; what is left in the end is hashed in one go. */
const HASHES_A_TURN = 128;
/** While records change faster than they are hashed, a snapshot begins nevertheless. */
const MAX_HASH_TURNS = 20_000;
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
  /** Of the journal's entry of that sequence, where it has one: the entry after it names it. */
  entryChecksum: z.string().optional(),
  /** Creation time of the journal's stream, where the writer knew it. */
  journalCreatedMs: z.number().optional(),
});
export type Manifest = z.infer<typeof Manifest>;

/** A snapshot that is no good was not used: half-written, damaged, or of another state than it says. */
export type SnapshotPassedOver = SnapshotName & {
  readonly kind: 'snapshotPassedOver';
  readonly why: string;
  /** How many there were so far, this one included. */
  readonly count: number;
};

const isItem = (value: unknown): value is SnapshotItem =>
  Array.isArray(value) &&
  value.length === 3 &&
  typeof value[0] === 'string' &&
  typeof value[1] === 'string';

/** A state as it was when this was made; it is read out while the state goes on changing. */
export type SnapshotSource = {
  readonly head: Omit<Manifest, 'version' | 'parts' | 'digest'>;
  readonly reader: SnapshotReader;
};

export function beginSnapshot<State, Input, Effect>(
  replica: Replica<State, Input, Effect>,
  journalCreatedMs?: number,
): SnapshotSource {
  const { entryChecksum } = replica;
  const head = {
    sequence: replica.sequence,
    rulesVersion: replica.rulesVersion,
    coreTimeMs: replica.coreTimeMs,
    epoch: replica.epoch,
    hash: replica.hash(),
    skips: [...replica.skips],
    ...(entryChecksum !== undefined && { entryChecksum }),
    ...(journalCreatedMs !== undefined && { journalCreatedMs }),
  };
  return { head, reader: replica.core.snapshot(replica.state) };
}

/** Writes all parts, then the manifest, then reads everything back. Fails with `diskFull`, `unavailable` or `internalError`. */
export async function writeSnapshot(
  store: SnapshotStore,
  source: SnapshotSource,
  nowMs: () => number,
): Promise<Outcome<Manifest>> {
  const name = { sequence: source.head.sequence, writer: store.writer };
  const digest = createHash('sha256');
  let parts = 0;
  for await (const bytes of partsOf(source.reader, nowMs)) {
    digest.update(bytes);
    const written = await store.writePart(name, parts, bytes);
    if (!written.ok) return written;
    parts += 1;
  }
  const manifest: Manifest = { version: 1, ...source.head, parts, digest: digest.digest('hex') };
  const written = await store.writeManifest(name, encode(manifest));
  if (!written.ok) return written;
  const fault = await faultOfSnapshot(store, name);
  if (!fault.ok) return fault;
  return fault.value === undefined
    ? succeed(manifest)
    : fail('internalError', `snapshot ${name.sequence} does not read back: ${fault.value}`);
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
      await systemTimers.yieldToOthers();
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

const bad = (why: string): Outcome<Bad> => succeed({ kind: 'bad', why });
type Bad = { readonly kind: 'bad'; readonly why: string };

/**
 * The parts in order, the next ones on their way while one is taken; `take` sees bytes that are not checked yet. Undefined
 * when they were all there and are those that were written; a string says why not.
 */
async function readParts(
  store: SnapshotStore,
  name: SnapshotName,
  manifest: Manifest,
  take: (bytes: Uint8Array) => void | Promise<void> = () => undefined,
): Promise<Outcome<string | undefined>> {
  const digest = createHash('sha256');
  const coming: ReturnType<SnapshotStore['readPart']>[] = [];
  for (let part = 0; part < manifest.parts; part += 1) {
    const last = Math.min(part + READS_IN_FLIGHT, manifest.parts);
    for (let next = part + coming.length; next < last; next += 1) {
      coming.push(store.readPart(name, next));
    }
    const bytes = await coming.shift();
    if (bytes === undefined) break;
    if (!bytes.ok) return bytes;
    if (bytes.value === undefined) return succeed(`part ${part} is missing`);
    digest.update(bytes.value);
    await take(bytes.value);
  }
  const isWhole = digest.digest('hex') === manifest.digest;
  return succeed(isWhole ? undefined : 'its parts are not those that were written');
}

export type ReadManifest =
  | { readonly kind: 'manifest'; readonly manifest: Manifest; readonly storedMs: number }
  | Bad;

/** What a snapshot says of itself; its parts are not looked at. */
export async function readManifest(
  store: SnapshotStore,
  name: SnapshotName,
): Promise<Outcome<ReadManifest>> {
  const read = await store.readManifest(name);
  if (!read.ok) return read;
  if (read.value === undefined) return bad('it was not written to its end');
  const manifest = parseManifest(read.value.bytes);
  return manifest?.sequence === name.sequence
    ? succeed({ kind: 'manifest', manifest, storedMs: read.value.storedMs })
    : bad('its manifest is damaged');
}

function parseManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return Manifest.safeParse(decode(bytes)).data;
  } catch {
    return undefined; // Not MessagePack: the same as no manifest.
  }
}

/** Where a snapshot is read, and what for. */
type SnapshotPlace<State, Input, Effect> = {
  readonly core: Core<State, Input, Effect>;
  readonly store: SnapshotStore;
  readonly timers: Timers;
};

/** Puts items together again that were cut where a part was full. */
class ItemReader {
  #rest: Uint8Array = new Uint8Array();

  /** Those that end in this part. Throws on what is no item. */
  *take(part: Uint8Array): Generator<SnapshotItem> {
    const bytes = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + view.getUint32(at);
      if (end > bytes.length) break;
      const item = decode(bytes.subarray(at + 4, end));
      assert(isItem(item), 'a snapshot holds something else than an item');
      yield item;
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

/**
 * The state in a snapshot's parts, as they come; yields to others again and again. A string says why it is none: nothing of
 * it was used then.
 */
async function restoreInSlices<State, Input, Effect>(
  { core, store, timers }: SnapshotPlace<State, Input, Effect>,
  name: SnapshotName,
  manifest: Manifest,
): Promise<Outcome<{ readonly state: State } | string>> {
  const restorer = core.restorer?.() ?? new WholeRestorer(core);
  const reader = new ItemReader();
  let unreadable: string | undefined;
  const take = async (part: Uint8Array): Promise<void> => {
    let count = 0;
    try {
      if (unreadable !== undefined) return;
      for (const item of reader.take(part)) {
        restorer.add(item);
        count += 1;
        if (count % ITEMS_A_SLICE === 0) await timers.yieldToOthers();
      }
    } catch (error) {
      unreadable = `it cannot be read: ${error instanceof Error ? error.message : error}`;
    }
  };
  const fault = await readParts(store, name, manifest, take);
  if (!fault.ok) return fault;
  const why = fault.value ?? unreadable;
  if (why !== undefined) return succeed(why);
  for (;;) {
    const state = restorer.finishSome();
    if (state !== undefined) return succeed({ state });
    await timers.yieldToOthers();
  }
}

/** For cores whose states are small. */
class WholeRestorer<State, Input, Effect> implements StateRestorer<State> {
  readonly #core: Core<State, Input, Effect>;
  readonly #items: SnapshotItem[] = [];

  constructor(core: Core<State, Input, Effect>) {
    this.#core = core;
  }

  add(item: SnapshotItem): void {
    this.#items.push(item);
  }

  finishSome(): State {
    return this.#core.restore(this.#items);
  }
}

/** Changed records are hashed a few at a time, so that taking the state's hash does not hold everything else up. */
export async function hashInTurns<State, Input, Effect>(
  core: Core<State, Input, Effect>,
  state: State,
  timers: Timers = systemTimers,
): Promise<void> {
  for (let turn = 0; turn < MAX_HASH_TURNS; turn += 1) {
    const left = core.hashSome?.(state, HASHES_A_TURN) ?? 0;
    if (left <= HASHES_A_TURN) return;
    await timers.yieldToOthers();
  }
}

type LoadedSnapshot<State, Input, Effect> =
  | {
      readonly kind: 'loaded';
      readonly replica: Replica<State, Input, Effect>;
      readonly manifest: Manifest;
    }
  | Bad;

/** Fails with `internalError` when it is a state of rules that are not known: read as one of these it would be nonsense. */
async function loadSnapshot<State, Input, Effect>(
  place: SnapshotPlace<State, Input, Effect>,
  name: SnapshotName,
): Promise<Outcome<LoadedSnapshot<State, Input, Effect>>> {
  const { core, store, timers } = place;
  const read = await readManifest(store, name);
  if (!read.ok) return read;
  if (read.value.kind === 'bad') return succeed(read.value);
  const { manifest } = read.value;
  const { rulesVersion } = manifest;
  if (!knowsRules(core, rulesVersion)) {
    const fault = await readParts(store, name, manifest);
    if (!fault.ok) return fault;
    const what = `snapshot ${name.sequence}`;
    return fault.value === undefined
      ? fail('internalError', unknownRules(`${what} holds a state of`, rulesVersion, core))
      : bad(fault.value);
  }
  const restored = await restoreInSlices(place, name, manifest);
  if (!restored.ok) return restored;
  if (typeof restored.value === 'string') return bad(restored.value);
  const { state } = restored.value;
  await hashInTurns(core, state, timers);
  if (core.hash(state) !== manifest.hash) return bad('its state has another hash than it says');
  return succeed({ kind: 'loaded', manifest, replica: new Replica(core, { ...manifest, state }) });
}

export type NewestSnapshot<State, Input, Effect> = {
  /** Of the newest good one. */
  readonly replica: Replica<State, Input, Effect>;
  readonly manifest: Manifest;
};

export type SnapshotChoice = {
  readonly atMost?: number;
  readonly onPassedOver?: (passedOver: SnapshotPassedOver) => void;
  readonly timers?: Timers;
};

/** The newest good snapshot with a sequence of at most `atMost`; undefined when there is none. */
export async function loadNewestSnapshot<State, Input, Effect>(
  core: Core<State, Input, Effect>,
  store: SnapshotStore,
  choice: SnapshotChoice = {},
): Promise<Outcome<NewestSnapshot<State, Input, Effect> | undefined>> {
  const { atMost = Number.MAX_SAFE_INTEGER, onPassedOver = () => undefined } = choice;
  const place = { core, store, timers: choice.timers ?? systemTimers };
  const names = await store.list();
  if (!names.ok) return names;
  let count = 0;
  for (const name of names.value) {
    if (name.sequence > atMost) continue;
    const loaded = await loadSnapshot(place, name);
    if (!loaded.ok) return loaded;
    if (loaded.value.kind === 'loaded') return succeed(loaded.value);
    count += 1;
    onPassedOver({ kind: 'snapshotPassedOver', ...name, why: loaded.value.why, count });
  }
  return succeed(undefined);
}

/** Why a snapshot is no good, judged by manifest and parts, without making a state of them; undefined: it is whole. */
export async function faultOfSnapshot(
  store: SnapshotStore,
  name: SnapshotName,
): Promise<Outcome<string | undefined>> {
  const read = await readManifest(store, name);
  if (!read.ok) return read;
  if (read.value.kind === 'bad') return succeed(read.value.why);
  return readParts(store, name, read.value.manifest);
}
