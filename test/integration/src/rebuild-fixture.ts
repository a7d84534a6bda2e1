// Owns what tests of lost books share: what only operators could tell again, waits until it is kept, and how the streams
// get lost. It tests nothing itself.
import { ask as askStream } from '@parley/actor/nats/jetstream-requests';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { provision, wantedBooks } from '@parley/actor/nats/provision';
import { PrincipalName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import {
  journalStreamName,
  leaseBucketName,
  settingsBucketName,
  settingsPartSubject,
  snapshotStreamName,
} from '@parley/protocol/streams';
import type { BodyOf, SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect } from 'vitest';
import type * as z from 'zod';
import { succeeded } from './actor-fixture.ts';
import { ask } from './cluster-caller.ts';
import { type ClusterFixture, cluster, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

export const LOST = 'ALARM: the books are lost';
export const NEW = 'the books are new; the lost ones are gone';
const olga = PrincipalName.parse('olga');
let requests = 0;

async function operate<Entry extends SubjectEntry>(
  fixture: ClusterFixture,
  entry: Entry,
  body: z.input<Entry['body']>,
) {
  requests += 1;
  const request = { session: 'by-hand', counter: requests, lowest: 1 };
  const call = encodeMessage<SubjectEntry>(
    entry,
    cluster,
    { operator: olga },
    body as BodyOf<Entry>,
    { request },
  );
  const connection = await fixture.connect('operator', olga);
  succeeded(await ask(connection, entry, call.subject, call.bytes));
}

/** A limit, a weight, a drained agent and a removed framework: what only operators could tell again. */
export async function setUp(fixture: ClusterFixture): Promise<void> {
  const former = await new QueueFramework().connect(fixture, 'alice', 'former');
  await former.close();
  await operate(fixture, SUBJECTS.operatorSharing, {
    changes: [{ kind: 'role', role: 'eng', weight: 3000, limit: { cpus: 9000 } }],
    force: true,
  });
  await operate(fixture, SUBJECTS.operatorTeardown, {
    framework: { principal: 'alice', frameworkId: 'former' },
  });
  await operate(fixture, SUBJECTS.operatorAgent, {
    agentId: 'a2',
    change: 'drain',
    reason: 'disk',
  });
}

/** Waits until all of that is kept beside the books. */
export async function untilKept(fixture: ClusterFixture): Promise<void> {
  const books = await fixture.connect('operator', olga, 'books');
  const stream = `KV_${settingsBucketName(cluster)}`;
  const filter = settingsPartSubject(cluster, '*');
  const parts = async (): Promise<string> => {
    const query = JSON.stringify({ subjects_filter: filter });
    const found = await askStream(books, `$JS.API.STREAM.INFO.${stream}`, query);
    if (found.kind !== 'answered') return '';
    const { state } = found.value as { state: { subjects?: Record<string, number> } };
    const subjects = Object.keys(state.subjects ?? {});
    const read = subjects.map(async (subject) => {
      const message = await askStream(
        books,
        `$JS.API.STREAM.MSG.GET.${stream}`,
        JSON.stringify({ last_by_subj: subject }),
      );
      if (message.kind !== 'answered') return '';
      const { data = '' } = (message.value as { message: { data?: string } }).message;
      return Buffer.from(data, 'base64').toString('latin1');
    });
    return (await Promise.all(read)).join('\n');
  };
  const words = ['eng', 'draining', 'teardownByOperator', 'steady', 'a1'];
  await until(
    async () => {
      const kept = await parts();
      return words.every((word) => kept.includes(word));
    },
    () => `${words} are kept beside the books`,
  );
}

/** Waits until the leader has left behind with its lease how far the journal goes. */
export async function untilNoted(fixture: ClusterFixture): Promise<void> {
  const books = await fixture.connect('master', 'master-1', 'books');
  const { lastSequence } = succeeded(await new NatsJournal(books, cluster).info());
  const bucket = leaseBucketName(cluster);
  const query = JSON.stringify({ last_by_subj: `$KV.${bucket}.master` });
  await until(
    async () => {
      const read = await askStream(books, `$JS.API.STREAM.MSG.GET.KV_${bucket}`, query);
      if (read.kind !== 'answered') return false;
      const { data = '' } = (read.value as { message: { data?: string } }).message;
      const { note } = JSON.parse(Buffer.from(data, 'base64').toString());
      return note?.sequence >= lastSequence;
    },
    () => `the lease tells of entry ${lastSequence}`,
  );
}

/** The books as they are now, read by somebody who knew nothing of them. */
export async function expectSettings(fixture: ClusterFixture): Promise<void> {
  const books = await fixture.follow();
  await until(
    () => books.state.agents.get('a1')?.state === 'registered',
    () => `a1 is in the books; there are ${[...books.state.agents.keys()]}`,
  );
  const { state } = books;
  expect(state.roleSettings.get('eng')).toMatchObject({ weight: 3000, limit: { cpus: 9000 } });
  expect(state.agents.get('a2')).toMatchObject({ draining: { reason: 'disk' } });
  expect([...state.tombstones.keys()]).toEqual(['alice/former']);
  expect(state.record.rebuilt).toMatchObject({ isRestored: true });
}

/** Journal and snapshots, and more. */
export const makeStreamsAnew = (
  fixture: ClusterFixture,
  ...more: readonly string[]
): Promise<void> =>
  makeAnew(fixture, [journalStreamName(cluster), snapshotStreamName(cluster), ...more]);

/** Only what operators had set, as it is kept beside the books. */
export const makeSettingsAnew = (fixture: ClusterFixture): Promise<void> =>
  makeAnew(fixture, [`KV_${settingsBucketName(cluster)}`]);

async function makeAnew(fixture: ClusterFixture, names: readonly string[]): Promise<void> {
  const provisioner = await fixture.connect('provisioner', 'provisioner', 'books');
  for (const name of names) await askStream(provisioner, `$JS.API.STREAM.DELETE.${name}`, '');
  const placement = { replicas: 1, maxStreamBytes: 64 * 1024 ** 2 } as const;
  succeeded(await provision(provisioner, wantedBooks(cluster, placement)));
}

export const mastersSay = (fixture: ClusterFixture, text: string): number =>
  fixture.service('master-1').count(text) + fixture.service('master-2').count(text);

export async function untilMastersSay(
  fixture: ClusterFixture,
  text: string,
  after = 0,
): Promise<void> {
  await until(
    () => mastersSay(fixture, text) > after,
    () =>
      `a master says ${text}; they said ${fixture.service('master-1').output.slice(-3000)}\n${fixture.service('master-2').output.slice(-3000)}`,
  );
}
