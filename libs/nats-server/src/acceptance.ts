// Owns finding out which servers let a credential in: each is asked by itself, because each reads its own configuration.
import { setTimeout as delay } from 'node:timers/promises';
import type { Credential } from '@parley/protocol/credential';
import { errors } from 'nats';
import { withConnection } from './account-connection.ts';

const LOOK_MS = 500;

export type Standing = 'accepted' | 'refused' | 'unreachable';

/** Of every server that the credential names, by its address. */
async function askServers(credential: Credential): Promise<ReadonlyMap<string, Standing>> {
  const asked = credential.servers.map(
    async (server): Promise<[string, Standing]> => [server, await ask(credential, server)],
  );
  return new Map(await Promise.all(asked));
}

async function ask(credential: Credential, server: string): Promise<Standing> {
  const there = { ...credential, servers: [server] };
  try {
    await withConnection(there, credential.seeds.control, (connection) => connection.flush());
    return 'accepted';
  } catch (error) {
    return error instanceof errors.AuthorizationError ? 'refused' : 'unreachable';
  }
}

/**
 * Waits until every server that can be reached stands so, and at least one can be.
 * @returns the servers that did not when the time was over; none when all did
 */
export async function untilAll(
  credential: Credential,
  wanted: 'accepted' | 'refused',
  { timeoutMs, onWaiting }: { timeoutMs: number; onWaiting: (servers: readonly string[]) => void },
): Promise<readonly string[]> {
  const endsAtMs = performance.now() + timeoutMs;
  let told = '';
  for (;;) {
    const standings = [...(await askServers(credential))];
    const late = standings.filter(([, standing]) => standing !== wanted);
    const isDone = late.every(([, standing]) => standing === 'unreachable');
    if (isDone && late.length < standings.length) return [];
    const names = late.map(([server, standing]) => `${server} (${standing})`);
    if (performance.now() > endsAtMs) return names;
    if (names.join() !== told) onWaiting(names);
    told = names.join();
    await delay(LOOK_MS);
  }
}
