// Owns a nats-server with the books of a cluster for benchmarks of the journal, and a master's adapters to them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams } from '@parley/actor/nats/provision';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import type { Outcome } from '@parley/protocol/errors';
import { ActorId, ClusterName } from '@parley/protocol/ids';

const CLUSTER = ClusterName.parse('bench');
export const MASTER = ActorId.parse('master-1');

/** Runs `work` with a server of its own, which is gone afterwards. */
export async function withBooks<Value>(
  work: (server: NatsServer) => Promise<Value>,
): Promise<Value> {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-books-'));
  let server: NatsServer | undefined;
  try {
    server = await startNatsServer({
      directory,
      cluster: CLUSTER,
      actors: [{ kind: 'master', id: MASTER }],
      principals: [],
    });
    const connection = await connectWith(server.credentialFile('provisioner', 'provisioner'));
    const wanted = wantedStreams({ cluster: CLUSTER, principals: [], replicas: 1 });
    unwrap(await provision(connection, wanted));
    await connection.close();
    return await work(server);
  } finally {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

export const openBooks = (server: NatsServer) =>
  openBooksWith(server.credentialFile('master', MASTER));

export async function openBooksWith(credentialFile: string) {
  const connection = await connectWith(credentialFile);
  return {
    connection,
    journal: new NatsJournal(connection, CLUSTER),
    snapshots: new NatsSnapshotStore(connection, CLUSTER, MASTER),
  };
}

type Connection = Extract<Awaited<ReturnType<typeof openConnection>>, { ok: true }>['value'];

async function connectWith(credentialFile: string): Promise<Connection> {
  return unwrap(await openConnection(unwrap(readCredentialFile(credentialFile)), 'books'));
}

export function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}
