// Owns making servers that others run read their configuration again, by the system account: who has a user there may ask.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { NatsConnection } from 'nats';
import * as z from 'zod';

/** How long servers have to answer a question that all of them hear: the first, and each after the one before. */
const GATHER_MS = 2000;
const NEXT_ANSWER_MS = 500;
const RELOAD_TIMEOUT_MS = 30_000;
/**
 * Accounts that are new together are made by the first reload; what passes between them is only let through after a second
 * one (nats-server 2.15.1).
 */
const ROUNDS = 2;

const ServerInfo = z.object({ server: z.object({ id: z.string(), name: z.string() }) });
const ReloadAnswer = z.object({
  error: z.object({ description: z.string().default('no reason given') }).optional(),
});

/**
 * The value: names of the servers that read their configuration again. Fails with `unavailable` when none can be asked, or
 * one refuses what is written there; the message names it.
 */
export async function reloadServers(connection: NatsConnection): Promise<Outcome<string[]>> {
  const servers = await gatherServers(connection);
  if (servers.size === 0) {
    return fail('unavailable', 'no server answers in the system account: is the credential its?');
  }
  const reloaded: string[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [id, name] of servers) {
      const why = await reloadOne(connection, id);
      if (why !== undefined) return fail('unavailable', `server ${name} did not reload: ${why}`);
      if (round === ROUNDS) reloaded.push(name);
    }
  }
  return succeed(reloaded.toSorted());
}

/** Name by id. */
async function gatherServers(connection: NatsConnection): Promise<ReadonlyMap<string, string>> {
  const servers = new Map<string, string>();
  const answers = await connection.requestMany('$SYS.REQ.SERVER.PING', '', {
    strategy: 'stall',
    maxWait: GATHER_MS,
    stall: NEXT_ANSWER_MS,
  });
  for await (const answer of answers) {
    const info = ServerInfo.safeParse(answer.json());
    if (info.success) servers.set(info.data.server.id, info.data.server.name);
  }
  return servers;
}

/** Why it did not; undefined when it did. */
async function reloadOne(connection: NatsConnection, id: string): Promise<string | undefined> {
  try {
    const subject = `$SYS.REQ.SERVER.${id}.RELOAD`;
    const answer = await connection.request(subject, '', { timeout: RELOAD_TIMEOUT_MS });
    const { error } = ReloadAnswer.parse(answer.json());
    return error?.description;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
