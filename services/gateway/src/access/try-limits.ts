// Owns how often a secret may be guessed: wrong ones are counted by the address that sent them and by the user that they
// were meant for. Whoever has no tries left is refused before anything is looked at. Right ones count nothing.

type Budget = { readonly tries: number; readonly oneBackMs: number };

/** Of one address: ten at once, then one every six seconds. */
export const ADDRESS_BUDGET: Budget = { tries: 10, oneBackMs: 6000 };
/** Over all addresses, more: who tries from many could otherwise easily keep the user out. */
export const USER_BUDGET: Budget = { tries: 50, oneBackMs: 6000 };
const MAX_KEYS = 10_000;

/** `address` as `addressKey` gives it; `user`: where one was named. */
export type Guesser = { readonly address: string; readonly user?: string | undefined };

export class TryLimits {
  /** When all tries of the key will be back; the oldest wrong one first. */
  readonly #fullAtMs = new Map<string, number>();

  /** Milliseconds until it may try again; 0: now. */
  waitMs(guesser: Guesser, nowMs: number): number {
    const waits = budgetsOf(guesser).map(([key, { tries, oneBackMs }]) => {
      const debtMs = (this.#fullAtMs.get(key) ?? 0) - nowMs;
      return debtMs - (tries - 1) * oneBackMs;
    });
    return Math.max(0, ...waits);
  }

  wasWrong(guesser: Guesser, nowMs: number): void {
    for (const [key, { oneBackMs }] of budgetsOf(guesser)) {
      const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(key) ?? 0) + oneBackMs;
      this.#fullAtMs.delete(key);
      this.#fullAtMs.set(key, fullAtMs);
    }
    this.#forget(nowMs);
  }

  #forget(nowMs: number): void {
    if (this.#fullAtMs.size <= MAX_KEYS) return;
    for (const [key, fullAtMs] of this.#fullAtMs) if (fullAtMs <= nowMs) this.#fullAtMs.delete(key);
    for (const key of this.#fullAtMs.keys()) {
      if (this.#fullAtMs.size <= MAX_KEYS) return;
      this.#fullAtMs.delete(key);
    }
  }
}

function budgetsOf({ address, user }: Guesser): [string, Budget][] {
  const ofAddress: [string, Budget] = [`address ${address}`, ADDRESS_BUDGET];
  return user === undefined ? [ofAddress] : [ofAddress, [`user ${user}`, USER_BUDGET]];
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** IPv6: of the /64, within which one host may have as many addresses as it likes. */
export function addressKey(address: string): string {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const parts = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const missing = 8 - parts(head).length - parts(tail).length;
  const all = [...parts(head), ...Array<string>(Math.max(0, missing)).fill('0'), ...parts(tail)];
  return `${all.slice(0, 4).join(':')}::/64`;
}
