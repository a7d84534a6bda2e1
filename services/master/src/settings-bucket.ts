// Owns the bucket in which what operators have set is kept beside the books: written by the leader, part by part, and
// read only when the books are lost. Every write names the one that it replaces: a deposed leader overwrites nothing.
import {
  findStanding,
  readMessage,
  readStanding,
  store,
} from '@parley/actor/nats/jetstream-requests';
import { KeptSetting } from '@parley/cluster/inputs';
import { decode, encode } from '@parley/protocol/codec';
import { Epoch } from '@parley/protocol/epoch';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { settingsBucketName, settingsPartSubject } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import { type BooksMoment, laterMoment } from './best-settings.ts';
import type { KeptParts, PartContent, SettingsStore, StoreLook } from './settings-store.ts';

const READS_IN_FLIGHT = 16;
const LATEST_EPOCH: Epoch = {
  bucketCreatedMs: Number.MAX_SAFE_INTEGER,
  revision: Number.MAX_SAFE_INTEGER,
};

const Part = z.object({
  /** Of the last entry of the journal that is in it. */
  sequence: z.int(),
  /** Of its term; absent in what an earlier release wrote. How late that is nobody knows: it counts as the latest. */
  epoch: Epoch.optional(),
  items: z.array(KeptSetting),
});
type Part = z.infer<typeof Part>;

export class SettingsBucket implements SettingsStore {
  readonly #books: NatsConnection;
  readonly #cluster: ClusterName;
  readonly #stream: string;
  /** Revisions of parts that this one has read or written; 0: there is none. */
  readonly #revisions = new Map<number, number>();

  constructor(books: NatsConnection, cluster: ClusterName) {
    this.#books = books;
    this.#cluster = cluster;
    this.#stream = `KV_${settingsBucketName(cluster)}`;
  }

  /** A part that is no good is told and left out. Fails with `unavailable`. */
  async readAll(onBad: (subject: string) => void): Promise<Outcome<KeptParts>> {
    const filter = settingsPartSubject(this.#cluster, '*');
    const standing = await readStanding(this.#books, this.#stream, { subjectsFilter: filter });
    if (!standing.ok) return standing;
    const items: KeptSetting[] = [];
    let newest: BooksMoment | undefined;
    const subjects = [...standing.value.subjects].sort();
    for (let start = 0; start < subjects.length; start += READS_IN_FLIGHT) {
      const some = subjects.slice(start, start + READS_IN_FLIGHT);
      const read = await Promise.all(some.map((subject) => this.#read(subject)));
      for (const [index, one] of read.entries()) {
        if (!one.ok) return one;
        if (one.value === undefined) continue;
        const { content } = one.value;
        if (content === undefined) {
          onBad(some[index] ?? '');
          continue;
        }
        items.push(...content.items);
        const { sequence, epoch = LATEST_EPOCH } = content;
        newest = laterMoment(newest, { epoch, sequence });
      }
    }
    return succeed({ items, newest });
  }

  /** Fails with `unavailable` or `diskFull`, also when another has written it meanwhile: the next try sees that. */
  async write({ part, items }: PartContent, asOf: BooksMoment): Promise<Outcome<undefined>> {
    const subject = settingsPartSubject(this.#cluster, part);
    let revision = this.#revisions.get(part);
    if (revision === undefined) {
      const found = await this.#read(subject);
      if (!found.ok) return found;
      revision = found.value?.revision ?? 0;
      this.#revisions.set(part, revision);
      const { items: before = [], epoch } = found.value?.content ?? {};
      const isOfNoTerm = found.value !== undefined && epoch === undefined;
      if (!isOfNoTerm && isSame(before, items)) return succeed(undefined);
    }
    const bytes = encode({ ...asOf, items: [...items] } satisfies Part);
    const stored = await store(this.#books, subject, bytes, { lastSubjectSequence: revision });
    if (stored.kind === 'stored') {
      this.#revisions.set(part, stored.sequence);
      return succeed(undefined);
    }
    this.#revisions.delete(part);
    const message = stored.kind === 'refused' ? 'another has written it' : stored.message;
    const code = stored.kind === 'diskFull' ? 'diskFull' : 'unavailable';
    return { ok: false, failure: { code, message } };
  }

  async look(): Promise<Outcome<StoreLook | undefined>> {
    const found = await findStanding(this.#books, this.#stream);
    if (!found.ok || found.value === undefined) return found.ok ? succeed(undefined) : found;
    const { createdMs, messages: parts, lastSequence } = found.value;
    return succeed({ createdMs, parts, lastSequence });
  }

  async #read(
    subject: string,
  ): Promise<Outcome<{ revision: number; content: Part | undefined } | undefined>> {
    const read = await readMessage(this.#books, this.#stream, { last_by_subj: subject });
    if (!read.ok) return read;
    const message = read.value;
    if (message === undefined) return succeed(undefined);
    return succeed({ revision: message.sequence, content: parsePart(message.bytes) });
  }
}

function parsePart(bytes: Uint8Array): Part | undefined {
  try {
    return Part.safeParse(decode(bytes)).data;
  } catch {
    return undefined;
  }
}

const isSame = (before: readonly KeptSetting[], after: readonly KeptSetting[]): boolean =>
  Buffer.from(encode(before)).equals(encode(after));
