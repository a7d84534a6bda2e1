// Owns the thread in which a master makes pages of the past: stepping the journal again keeps no leader from its work there,
// and what runs out of memory there ends there. It reads with a connection of its own, as what the process is started as.
import { parentPort, workerData } from 'node:worker_threads';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { readServiceArguments } from '@parley/actor/service-arguments';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Outcome } from '@parley/protocol/errors';
import { PrincipalName } from '@parley/protocol/ids';
import { encodeAnswer } from '@parley/protocol/message';
import { ReplayPageRequest } from '@parley/protocol/replay';
import { PageDesk } from '@parley/replay/page-desk';
import * as z from 'zod';
import { SETTING_OPTIONS } from './config.ts';

const Wish = z.object({ id: z.int(), principal: PrincipalName, request: ReplayPageRequest });

const desk = await openDesk(z.array(z.string()).parse(workerData));
let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (message: unknown) => {
  // A desk makes one page at a time.
  last = last.then(() => answer(Wish.parse(message)));
});

async function answer({ id, principal, request }: z.infer<typeof Wish>): Promise<void> {
  const page = await desk.page(principal, request);
  parentPort?.postMessage({ id, bytes: encodeAnswer(page) });
}

/** Throws what ends the thread: whoever waits is told to try again. */
async function openDesk(words: readonly string[]): Promise<PageDesk> {
  const { identity } = orThrow(readServiceArguments('master', words, SETTING_OPTIONS));
  const connection = orThrow(await openConnection(identity, 'books'));
  const source = {
    core: clusterCore,
    journal: new NatsJournal(connection, identity.cluster),
    snapshots: new NatsSnapshotStore(connection, identity.cluster),
  };
  const { nowMs, wallTimeMs } = systemClock;
  return new PageDesk({ source, nowMs, wallTimeMs });
}

function orThrow<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.failure.message);
}
