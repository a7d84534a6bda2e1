// Owns a principal's bucket of objects in the `work` account, as its schedulers use it: put, get, delete, list.
// Everything is tried again for a while when the bus is away. Agents move the same objects by their own code.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { workBucketName } from '@parley/protocol/streams';
import { type NatsConnection, RequestError, TimeoutError } from 'nats';

const ATTEMPTS = 6;
const FIRST_WAIT_MS = 250;
/** Nothing has come of an object for so long: the attempt is given up. */
const STALL_MS = 20_000;
const PUT_TIMEOUT_MS = 10_000;
const DELETES_AT_ONCE = 8;
/** nats-server's server/errors.json: the store, the account or the stream is full. */
const NO_SPACE =
  /\b(10023|10047|10077)\b|maximum bytes exceeded|insufficient (storage )?resources/i;

/** Makes the bytes of an object, anew for each attempt. */
export type ObjectSource = () => AsyncIterable<Uint8Array>;

/** What, why and what to do. */
export class WorkBucketError extends Error {
  override readonly name = 'WorkBucketError';
}

/** On a connection to the principal's own account. Fails with `unavailable`, where nobody answers only after some tries. */
export async function openWorkBucket(
  connection: NatsConnection,
  cluster: ClusterName,
  principal: PrincipalName,
): Promise<Outcome<WorkBucket>> {
  // The account answers no questions about itself.
  const objects = new Objm(jetstream(connection, { checkAPI: false }));
  for (let tries = 1; ; tries += 1) {
    try {
      return succeed(new WorkBucket(await objects.open(workBucketName(cluster, principal))));
    } catch (error) {
      if (isNoAnswer(error) && tries < ATTEMPTS) {
        await wait(waitAfter(tries));
        continue;
      }
      const why = error instanceof Error ? error.message : String(error);
      return fail('unavailable', `the bucket of ${principal} cannot be opened: ${why}`);
    }
  }
}

/** The server is away, or elects a leader; anything else is an answer. */
const isNoAnswer = (error: unknown): boolean =>
  error instanceof TimeoutError || (error instanceof RequestError && error.isNoResponders());

const waitAfter = (tries: number): number => FIRST_WAIT_MS * 2 ** tries;

export class WorkBucket {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Stores an object, replacing one of the same name. An error that `source` throws is thrown as it is. */
  async put(name: string, source: ObjectSource): Promise<void> {
    await this.#retry(`storing object ${name}`, async () => {
      let broken: unknown;
      const bytes = ReadableStream.from(catching(source(), (error) => (broken = error)));
      try {
        await this.#store.put({ name }, bytes, { timeout: PUT_TIMEOUT_MS });
      } catch (error) {
        throw broken === undefined ? error : new SourceFailed(broken);
      }
    });
  }

  /** Writes an object into a file. */
  async download(name: string, path: string): Promise<void> {
    await this.#retry(`reading object ${name}`, async () => {
      const result = await this.#store.get(name);
      if (result === null) throw new Error('there is no such object');
      const file = createWriteStream(path);
      const reader = result.data.getReader();
      try {
        for (;;) {
          const { done, value } = await inTime(reader.read());
          if (done) break;
          if (!file.write(value)) await once(file, 'drain');
        }
        file.end();
        await once(file, 'finish');
        const error = await inTime(result.error);
        // The client resolves with nothing where its types say null.
        if (error) throw error;
      } finally {
        file.destroy();
        await reader.cancel().catch(() => undefined);
      }
    });
  }

  async delete(name: string): Promise<void> {
    await this.#retry(`deleting object ${name}`, () => this.#store.delete(name));
  }

  /** Bytes of every object whose name begins so, by name. */
  async sizesBelow(prefix: string): Promise<ReadonlyMap<string, number>> {
    const objects = await this.#retry('listing objects', () => inTime(this.#store.list()));
    const below = objects.filter(({ name }) => name.startsWith(prefix));
    return new Map(below.map(({ name, size }) => [name, size]));
  }

  /** Deletes every object whose name begins so. */
  async deleteBelow(prefix: string): Promise<void> {
    const names = [...(await this.sizesBelow(prefix)).keys()];
    const workers = Array.from({ length: DELETES_AT_ONCE }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await this.delete(name);
    });
    await Promise.all(workers);
  }

  async #retry<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof SourceFailed) throw error.cause;
        const why = error instanceof Error ? error.message : String(error);
        if (NO_SPACE.test(why)) {
          throw new WorkBucketError(
            `${what} failed: the bucket or its disk is full (${why}). Delete old objects or give it more room.`,
            { cause: error },
          );
        }
        if (tries === ATTEMPTS) {
          throw new WorkBucketError(
            `${what} failed ${ATTEMPTS} times: ${why}. Check that the NATS server runs.`,
            { cause: error },
          );
        }
        await wait(waitAfter(tries));
      }
    }
  }
}

/** The source itself failed: trying again is not the bucket's business. */
class SourceFailed extends Error {
  constructor(cause: unknown) {
    super('the source of an object failed', { cause });
  }
}

async function* catching(
  source: AsyncIterable<Uint8Array>,
  report: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    report(error);
    throw error;
  }
}

async function inTime<T>(value: Promise<T>): Promise<T> {
  const late = new AbortController();
  const stalled = wait(STALL_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`nothing came for ${STALL_MS} ms`);
  });
  try {
    return await Promise.race([value, stalled]);
  } finally {
    late.abort();
    stalled.catch(() => undefined);
  }
}
