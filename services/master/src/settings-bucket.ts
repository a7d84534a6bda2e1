// Owns the bucket in which what operators have set is kept beside the books: written by the leader, part by part, and
// read only when the books are lost. Every write names the one that it replaces: a deposed leader overwrites nothing.
import {
  findStanding,
  readMessage,
  readStanding,
  store,
} from '@parley/actor/nats/jetstream-requests';
import type { KeptSetting } from '@parley/cluster/inputs';
import { decodePiece, encodePiece, type Piece, piecesOf } from '@parley/cluster/settings-part';
import { encode } from '@parley/protocol/codec';
import type { Epoch } from '@parley/protocol/epoch';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { settingsBucketName, settingsPartSubject } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { type BooksMoment, laterMoment } from './best-settings.ts';
import type { KeptParts, PartContent, SettingsStore, StoreLook } from './settings-store.ts';

const READS_IN_FLIGHT = 16;
const LATEST_EPOCH: Epoch = {
  bucketCreatedMs: Number.MAX_SAFE_INTEGER,
  revision: Number.MAX_SAFE_INTEGER,
};

/** `why`: it is damaged, and holds nothing that could be believed. */
type Stored = { readonly revision: number; readonly piece?: Piece; readonly why?: string };
const NOTHING: Stored = { revision: 0 };

export class SettingsBucket implements SettingsStore {
  readonly #books: NatsConnection;
  readonly #cluster: ClusterName;
  readonly #stream: string;
  readonly #onDamaged: (subject: string, why: string) => void;
  /** Of pieces that this one has read or written. */
  readonly #revisions = new Map<string, number>();
  /** How many each part has, as far as known. */
  readonly #pieces = new Map<number, number>();

  /** `onDamaged`: of what is written again. */
  constructor(
    books: NatsConnection,
    cluster: ClusterName,
    onDamaged: (subject: string, why: string) => void,
  ) {
    this.#books = books;
    this.#cluster = cluster;
    this.#stream = `KV_${settingsBucketName(cluster)}`;
    this.#onDamaged = onDamaged;
  }

  /** A piece that is no good is told and left out. Fails with `unavailable`. */
  async readAll(onBad: (subject: string) => void): Promise<Outcome<KeptParts>> {
    const filter = settingsPartSubject(this.#cluster, '*');
    const standing = await readStanding(this.#books, this.#stream, { subjectsFilter: filter });
    if (!standing.ok) return standing;
    const pieces = new Map<string, Piece>();
    const subjects = [...standing.value.subjects].sort();
    for (let start = 0; start < subjects.length; start += READS_IN_FLIGHT) {
      const some = subjects.slice(start, start + READS_IN_FLIGHT);
      const read = await Promise.all(some.map((subject) => this.#read(subject)));
      for (const [index, one] of read.entries()) {
        if (!one.ok) return one;
        const subject = some[index] ?? '';
        if (one.value.piece !== undefined) pieces.set(subject, one.value.piece);
        else if (one.value.why !== undefined) onBad(subject);
      }
    }
    let newest: BooksMoment | undefined;
    for (const { sequence, epoch = LATEST_EPOCH } of pieces.values()) {
      newest = laterMoment(newest, { epoch, sequence });
    }
    return succeed({ items: itemsOf(pieces), newest });
  }

  /** Fails with `unavailable` or `diskFull`, also when another has written it meanwhile: the next try sees that. */
  async write({ part, items }: PartContent, asOf: BooksMoment): Promise<Outcome<undefined>> {
    const contents = piecesOf(items);
    const before = await this.#piecesBefore(part);
    if (!before.ok) return before;
    const count = contents.length;
    // What is left over of a larger part holds nothing; the first piece says how many count, and comes last.
    for (let index = Math.max(count, before.value) - 1; index >= 0; index -= 1) {
      const piece = { ...asOf, items: contents[index] ?? [] };
      const isFirst = index === 0 && count > 1;
      const written = await this.#writePiece(subjectOf(this.#cluster, part, index), {
        ...piece,
        ...(isFirst && { pieces: count }),
      });
      if (written.ok) continue;
      this.#pieces.delete(part);
      return written;
    }
    this.#pieces.set(part, count);
    return succeed(undefined);
  }

  async look(): Promise<Outcome<StoreLook | undefined>> {
    const found = await findStanding(this.#books, this.#stream);
    if (!found.ok || found.value === undefined) return found.ok ? succeed(undefined) : found;
    const { createdMs, messages: parts, lastSequence } = found.value;
    return succeed({ createdMs, parts, lastSequence });
  }

  async #piecesBefore(part: number): Promise<Outcome<number>> {
    const known = this.#pieces.get(part);
    if (known !== undefined) return succeed(known);
    const first = await this.#read(subjectOf(this.#cluster, part, 0));
    return first.ok ? succeed(first.value.piece?.pieces ?? 1) : first;
  }

  async #writePiece(subject: string, piece: Piece): Promise<Outcome<undefined>> {
    let revision = this.#revisions.get(subject);
    if (revision === undefined) {
      const found = await this.#read(subject);
      if (!found.ok) return found;
      const { why, piece: before } = found.value;
      revision = found.value.revision;
      this.#revisions.set(subject, revision);
      if (why !== undefined) this.#onDamaged(subject, why);
      else if (isSame(before, piece)) return succeed(undefined);
    }
    const stored = await store(this.#books, subject, encodePiece(piece), {
      lastSubjectSequence: revision,
    });
    if (stored.kind === 'stored') {
      this.#revisions.set(subject, stored.sequence);
      return succeed(undefined);
    }
    this.#revisions.delete(subject);
    const message = stored.kind === 'refused' ? 'another has written it' : stored.message;
    const code = stored.kind === 'diskFull' ? 'diskFull' : 'unavailable';
    return { ok: false, failure: { code, message } };
  }

  async #read(subject: string): Promise<Outcome<Stored>> {
    const read = await readMessage(this.#books, this.#stream, { last_by_subj: subject });
    if (!read.ok) return read;
    if (read.value === undefined) return succeed(NOTHING);
    const { sequence: revision, bytes } = read.value;
    const piece = decodePiece(bytes);
    if (piece.ok) return succeed({ revision, piece: piece.value });
    return succeed({ revision, why: piece.failure.message });
  }
}

/** The first piece of a part is called as the part. */
const subjectOf = (cluster: ClusterName, part: number, index: number): string =>
  `${settingsPartSubject(cluster, part)}${index === 0 ? '' : `-${index}`}`;

/** Of those pieces that count. Where the first one is missing, all do: too much is better than too little. */
function itemsOf(pieces: ReadonlyMap<string, Piece>): KeptSetting[] {
  return [...pieces].flatMap(([subject, { items }]) => {
    const place = /^(.*part-\d+)-(\d+)$/.exec(subject);
    const [, first = '', index = '0'] = place ?? [];
    const head = place === null ? undefined : pieces.get(first);
    return head === undefined || Number(index) < (head.pieces ?? 1) ? items : [];
  });
}

function isSame(before: Piece | undefined, after: Piece): boolean {
  // What is of no term is written again: nobody would know how late it is.
  if (before !== undefined && before.epoch === undefined) return false;
  if ((before?.pieces ?? 1) !== (after.pieces ?? 1)) return false;
  return Buffer.from(encode(before?.items ?? [])).equals(encode(after.items));
}
