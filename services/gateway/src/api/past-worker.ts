// Owns the thread that looks into the past: stepping a journal again keeps nobody from being answered who asks of the
// present, and what runs out of memory there ends there. It reads through the gateway; nothing else leads out of it.
import { parentPort } from 'node:worker_threads';
import { clusterCore } from '@parley/cluster/cluster-core';
import { fail, type Outcome } from '@parley/protocol/errors';
import type { ReplaySource } from '@parley/replay/replay-source';
import { PastDesk } from './past-desk.ts';
import type { FromThread, ReadName, Reads, ToThread } from './past-messages.ts';
import { answerOf } from './past-questions.ts';

const reading = new Map<number, (outcome: Outcome<unknown>) => void>();
let reads = 0;
let wallTimeMs = 0;
const desk = new PastDesk({ source: () => source, wallTimeMs: () => wallTimeMs });

parentPort?.on('message', (message: ToThread) => {
  if (message.kind === 'have') {
    reading.get(message.id)?.(message.outcome);
    reading.delete(message.id);
    return;
  }
  wallTimeMs = message.wallTimeMs;
  void answer(message);
});

async function answer({ id, question }: Extract<ToThread, { kind: 'question' }>): Promise<void> {
  tell({ kind: 'answer', id, outcome: await answerOf(desk, question).catch(unexpected) });
}

const unexpected = (error: unknown): Outcome<never> =>
  fail('internalError', `looking into the past failed: ${String(error)}`);

const tell = (message: FromThread): void => parentPort?.postMessage(message);

/** The gateway answers a read with what it has read. */
function readThere<Name extends ReadName>(name: Name): Reads[Name] {
  const read = (...parameters: readonly unknown[]): Promise<Outcome<unknown>> => {
    reads += 1;
    const have = Promise.withResolvers<Outcome<unknown>>();
    reading.set(reads, have.resolve);
    tell({ kind: 'read', id: reads, name, parameters });
    return have.promise;
  };
  return read as Reads[Name];
}

const neverWritten = (): never => {
  throw new Error('nothing is written from here');
};

const source: ReplaySource = {
  core: clusterCore,
  journal: {
    ...{ info: readThere('info'), read: readThere('read'), entryAt: readThere('entryAt') },
    ...{ append: neverWritten, purgeBelow: neverWritten },
  },
  snapshots: {
    ...{
      writer: '',
      list: readThere('list'),
      maxBytes: async () => ({ ok: true, value: undefined }),
    },
    ...{ readPart: readThere('readPart'), readManifest: readThere('readManifest') },
    ...{ writePart: neverWritten, writeManifest: neverWritten, remove: neverWritten },
  },
};
