// Owns the memory of who was asked in vain about which agent: a client that took nothing of an agent is not asked about
// it again before the agent has more, or the client takes more. A bit each, in one table of agents by clients.

/** Beyond it nothing is remembered of further agents and clients: they are asked again. */
const MAX_BYTES = 64 * 2 ** 20;
const BITS = 32;

export class AskedInVain {
  #bits = new Uint32Array(0);
  #rows = 0;
  /** A row has so many. */
  #words = 0;
  /** Those that take offers at all. */
  #active = new Uint32Array(0);
  #activeCount = 0;

  /** `agent` and `client` are small numbers. */
  note(agent: number, client: number): void {
    if (!this.#reach(agent, client >>> 5)) return;
    const word = agent * this.#words + (client >>> 5);
    this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (client & 31));
  }

  has(agent: number, client: number): boolean {
    if (agent >= this.#rows || client >>> 5 >= this.#words) return false;
    const word = this.#bits[agent * this.#words + (client >>> 5)] ?? 0;
    return (word & (1 << (client & 31))) !== 0;
  }

  forget(agent: number, client: number): void {
    if (agent >= this.#rows || client >>> 5 >= this.#words) return;
    const word = agent * this.#words + (client >>> 5);
    this.#bits[word] = (this.#bits[word] ?? 0) & ~(1 << (client & 31));
  }

  /** Whether nobody was asked about it in vain. */
  isEmpty(agent: number): boolean {
    if (agent >= this.#rows) return true;
    const end = (agent + 1) * this.#words;
    for (let word = agent * this.#words; word < end; word += 1) {
      if (this.#bits[word] !== 0) return false;
    }
    return true;
  }

  forgetAgent(agent: number): void {
    if (agent < this.#rows) this.#bits.fill(0, agent * this.#words, (agent + 1) * this.#words);
  }

  /** Whatever the agents. */
  forgetClients(clients: Iterable<number>): void {
    const masks = new Map<number, number>();
    for (const client of clients) {
      const word = client >>> 5;
      if (word < this.#words) masks.set(word, (masks.get(word) ?? 0) | (1 << (client & 31)));
    }
    for (const [word, mask] of masks) {
      for (let at = word; at < this.#bits.length; at += this.#words) {
        this.#bits[at] = (this.#bits[at] ?? 0) & ~mask;
      }
    }
  }

  forgetAll(): void {
    this.#bits.fill(0);
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
    const from = agent * this.#words;
    const isKnown = agent < this.#rows;
    const clients: number[] = [];
    for (let word = 0; word < this.#active.length; word += 1) {
      const asked = isKnown && word < this.#words ? (this.#bits[from + word] ?? 0) : 0;
      let bits = (this.#active[word] ?? 0) & ~asked;
      while (bits !== 0) {
        if (clients.length === most) return undefined;
        clients.push(word * BITS + (BITS - 1 - Math.clz32(bits & -bits)));
        bits &= bits - 1;
      }
    }
    return clients;
  }

  /** Grows to hold them; the value: whether it does. */
  #reach(agent: number, word: number): boolean {
    if (agent < this.#rows && word < this.#words) return true;
    const words = word < this.#words ? this.#words : Math.max(word + 1, this.#words * 2);
    const rows = agent < this.#rows ? this.#rows : Math.max(agent + 1, this.#rows * 2, BITS);
    if (words * rows * Uint32Array.BYTES_PER_ELEMENT > MAX_BYTES) return false;
    const bits = new Uint32Array(words * rows);
    for (let row = 0; row < this.#rows; row += 1) {
      const from = row * this.#words;
      bits.set(this.#bits.subarray(from, from + this.#words), row * words);
    }
    [this.#bits, this.#rows, this.#words] = [bits, rows, words];
    return true;
  }
}

function grown(before: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const after = new Uint32Array(length);
  after.set(before);
  return after;
}
