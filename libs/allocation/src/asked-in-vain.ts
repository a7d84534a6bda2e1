// Owns the memory of who was asked in vain about which agent: a client that took nothing of an agent is not asked about
// it again before the agent has more, or the client takes more. A bit each, in one table of agents by clients.
import { BitTable } from './bit-table.ts';

/** Beyond it nothing is remembered of further agents and clients: they are asked again. */
const MAX_BYTES = 64 * 2 ** 20;
const BITS = 32;

export class AskedInVain {
  readonly #asked = new BitTable(MAX_BYTES);
  /** Those that take offers at all. */
  #active = new Uint32Array(0);
  #activeCount = 0;

  /** `agent` and `client` are small numbers. */
  note(agent: number, client: number): void {
    this.#asked.set(agent, client);
  }

  has(agent: number, client: number): boolean {
    return this.#asked.has(agent, client);
  }

  forget(agent: number, client: number): void {
    this.#asked.clear(agent, client);
  }

  /** Whether nobody was asked about it in vain. */
  isEmpty(agent: number): boolean {
    return this.#asked.isEmpty(agent);
  }

  forgetAgent(agent: number): void {
    this.#asked.clearRow(agent);
  }

  /** Whatever the agents. */
  forgetClients(clients: Iterable<number>): void {
    this.#asked.clearColumns(clients);
  }

  forgetAll(): void {
    this.#asked.clearAll();
  }

  setActive(client: number, isActive: boolean): void {
    const word = client >>> 5;
    if (word >= this.#active.length) this.#active = grown(this.#active, 2 * (word + 1));
    const bit = 1 << (client & 31);
    const before = this.#active[word] ?? 0;
    this.#activeCount += Number(isActive) - Number((before & bit) !== 0);
    this.#active[word] = isActive ? before | bit : before & ~bit;
  }

  /** The active clients that were not asked in vain, by number; undefined when they are more than `most`. */
  unasked(agent: number, most: number): number[] | undefined {
    if (this.#activeCount > most && this.isEmpty(agent)) return undefined;
    const clients: number[] = [];
    for (let word = 0; word < this.#active.length; word += 1) {
      let bits = (this.#active[word] ?? 0) & ~this.#asked.word(agent, word);
      while (bits !== 0) {
        if (clients.length === most) return undefined;
        clients.push(word * BITS + (BITS - 1 - Math.clz32(bits & -bits)));
        bits &= bits - 1;
      }
    }
    return clients;
  }
}

function grown(before: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const after = new Uint32Array(length);
  after.set(before);
  return after;
}
