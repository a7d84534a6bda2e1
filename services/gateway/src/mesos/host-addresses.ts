// Owns at which address an agent's host is reached: agents tell a name, Mesos's frameworks expect an address too.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

const KEPT_MS = 300_000;
const RETRY_MS = 10_000;
const PATIENCE_MS = 1000;
/** Hosts come and go; what is forgotten is looked up again. */
const MAX_KEPT = 65_536;

type Known = { readonly address: string | undefined; readonly untilMs: number };
export type Lookup = (hostname: string) => Promise<string>;

const systemLookup: Lookup = async (hostname) => (await lookup(hostname)).address;

export class HostAddresses {
  readonly #nowMs: () => number;
  readonly #lookup: Lookup;
  readonly #known = new Map<string, Known>();

  constructor(nowMs: () => number, find: Lookup = systemLookup) {
    this.#nowMs = nowMs;
    this.#lookup = find;
  }

  /** What was found last; undefined: nothing, or not looked for yet. */
  addressOf(hostname: string): string | undefined {
    return isIP(hostname) === 0 ? this.#known.get(hostname)?.address : hostname;
  }

  /** Looks up what is not known; nobody waits longer than a second. */
  async prepare(hostnames: Iterable<string>): Promise<void> {
    const missing = [...new Set(hostnames)].filter((one) => this.#isMissing(one));
    await Promise.all(missing.map((hostname) => this.#find(hostname)));
  }

  #isMissing(hostname: string): boolean {
    const known = this.#known.get(hostname);
    return isIP(hostname) === 0 && (known === undefined || known.untilMs <= this.#nowMs());
  }

  async #find(hostname: string): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      late = setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
    const found = this.#lookup(hostname).catch(() => undefined);
    const address = await Promise.race([found, patience]);
    clearTimeout(late);
    if (this.#known.size >= MAX_KEPT) this.#known.clear();
    const keptMs = address === undefined ? RETRY_MS : KEPT_MS;
    this.#known.set(hostname, { address, untilMs: this.#nowMs() + keptMs });
  }
}
