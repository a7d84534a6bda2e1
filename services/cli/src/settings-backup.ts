// Owns the copy of what operators have set that lies outside of NATS: what its file looks like, how it is read from the
// bucket beside the books, and how it is put back where nobody has led yet. The commands are in commands/backup.ts.
import { setTimeout as delay } from 'node:timers/promises';
import {
  findStanding,
  readMessage,
  readStanding,
  store,
} from '@parley/actor/nats/jetstream-requests';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName } from '@parley/protocol/ids';
import {
  journalStreamName,
  settingsBucketName,
  settingsPartSubject,
} from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import { readPieces } from './settings-reading.ts';

export const SettingsBackup = z.object({
  version: z.literal(1),
  cluster: ClusterName,
  takenAt: z.iso.datetime(),
  /** By subject, as the bucket holds them, in base64. */
  parts: z.record(z.string().min(1), z.base64()),
});
export type SettingsBackup = z.infer<typeof SettingsBackup>;

const settingsStream = (cluster: ClusterName): string => `KV_${settingsBucketName(cluster)}`;

/** Whole. Fails with `malformed` where something is damaged, with `unavailable` otherwise. */
export async function readSettings(
  books: NatsConnection,
  cluster: ClusterName,
): Promise<Outcome<SettingsBackup['parts']>> {
  const read = await readPieces({
    subjects: () => subjectsOf(books, cluster),
    read: async (subject) => {
      const found = await readMessage(books, settingsStream(cluster), { last_by_subj: subject });
      if (!found.ok || found.value === undefined) return found.ok ? succeed(undefined) : found;
      return succeed({ revision: found.value.sequence, bytes: found.value.bytes });
    },
    wait: (ms) => delay(ms),
  });
  if (!read.ok) return read;
  const parts = [...read.value].map(([subject, { bytes }]) => [
    subject,
    Buffer.from(bytes).toString('base64'),
  ]);
  return succeed(Object.fromEntries(parts));
}

/** Whether somebody leads or has led since the streams were made: then the books say what is set. */
export async function areBooksBegun(
  books: NatsConnection,
  cluster: ClusterName,
): Promise<Outcome<boolean>> {
  const journal = await findStanding(books, journalStreamName(cluster));
  if (!journal.ok) return journal;
  if (journal.value === undefined) return fail('unavailable', 'the streams are not there');
  return succeed(journal.value.lastSequence > 0);
}

/** What is kept there is replaced; a part that the copy does not have is none of its. */
export async function writeSettings(
  books: NatsConnection,
  { cluster, parts }: SettingsBackup,
): Promise<Outcome<undefined>> {
  const own = settingsPartSubject(cluster, '>').slice(0, -1);
  for (const [subject, text] of Object.entries(parts)) {
    if (!subject.startsWith(own)) return fail('malformed', `${subject} is no part of settings`);
    const stored = await store(books, subject, Buffer.from(text, 'base64'));
    if (stored.kind === 'stored') continue;
    const why = stored.kind === 'refused' ? 'it was refused' : stored.message;
    return fail('unavailable', `${subject}: ${why}`);
  }
  return succeed(undefined);
}

async function subjectsOf(
  books: NatsConnection,
  cluster: ClusterName,
): Promise<Outcome<readonly string[]>> {
  const subjectsFilter = settingsPartSubject(cluster, '*');
  const standing = await readStanding(books, settingsStream(cluster), { subjectsFilter });
  return standing.ok ? succeed([...standing.value.subjects].sort()) : standing;
}
