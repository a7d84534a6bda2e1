// Owns who has less than he is guaranteed, and whether anybody has more: kept with every change, for as long as any
// guarantee or limit is set at all. A client is guaranteed what its framework is, over all its roles, where that is set;
// else its part of what its role is, by weight among the frameworks of the role; else nothing (as in the master, see
// guarantees.ts of @parley/cluster). Offers count as had. What guarantees of roles above mean is in share-tree.ts, `unmet`.
import { assert } from '@parley/protocol/unreachable';
import { partByWeight } from '@parley/resources/share-by-weight';
import type { Vector } from './cluster-totals.ts';
import type { Branch, Client } from './share-tree.ts';

export class GuaranteeStandings {
  readonly #below = new Set<Client>();
  readonly #above = new Set<Client>();

  /** Those that have less. */
  get below(): ReadonlySet<Client> {
    return this.#below;
  }

  /** Those that have more: something may be taken from them. */
  get above(): ReadonlySet<Client> {
    return this.#above;
  }

  /** After what it has, or what it is guaranteed, has changed. */
  measure(client: Client): void {
    const { quota, used, clients } = client.framework;
    const own = quota?.guarantee ?? [];
    const isOwn = own.length > 0;
    // What it has in one role makes up for what it lacks in another.
    if (isOwn) for (const one of clients.values()) this.#note(one, used, own);
    else this.#note(client, client.used, guaranteedByRole(client));
  }

  /** After the guarantee of the role, or who shares in it, or by what weights, has changed. */
  measureRole({ leaf }: Branch): void {
    for (const client of leaf?.clients.values() ?? []) this.measure(client);
  }

  forget(client: Client): void {
    this.#below.delete(client);
    this.#above.delete(client);
  }

  clear(): void {
    this.#below.clear();
    this.#above.clear();
  }

  /** For tests and the simulator: throws when anybody stands otherwise than was noted. */
  checkInvariants(clients: Iterable<Client>): void {
    const fresh = new GuaranteeStandings();
    for (const client of clients) fresh.measure(client);
    for (const [noted, expected] of [
      [this.#below, fresh.#below],
      [this.#above, fresh.#above],
    ] as const) {
      assert(
        noted.size === expected.size,
        'it is known how many stand below and above what they are guaranteed',
      );
      for (const client of expected) {
        assert(noted.has(client), `it is known how ${client.name} stands to what it is guaranteed`);
      }
    }
  }

  #note(client: Client, used: Vector, guaranteed: Vector): void {
    let [isBelow, isAbove] = [false, false];
    for (let number = 0; number < Math.max(used.length, guaranteed.length); number += 1) {
      const [has, least] = [used[number] ?? 0, guaranteed[number] ?? 0];
      isBelow ||= has < least;
      isAbove ||= has > least;
    }
    if (isBelow) this.#below.add(client);
    else this.#below.delete(client);
    if (isAbove) this.#above.add(client);
    else this.#above.delete(client);
  }
}

/** How much of what it is guaranteed it has: of the resource of which that is most; nothing where it is guaranteed nothing. */
export function partOfGuarantee(client: Client): number {
  const { quota, used } = client.framework;
  const own = quota?.guarantee ?? [];
  const [has, guaranteed] = own.length > 0 ? [used, own] : [client.used, guaranteedByRole(client)];
  return Math.max(
    0,
    ...guaranteed.map((amount, number) => (amount === 0 ? 0 : (has[number] ?? 0) / amount)),
  );
}

/** Its part of what its role is guaranteed, where its framework has no guarantee of its own. */
export function guaranteedByRole({ framework, branch, above }: Client): Vector {
  const whole = branch.quota?.guarantee ?? [];
  const all = above?.weights ?? 0;
  if (whole.length === 0 || framework.weight === all) return whole;
  return whole.map((amount) => partByWeight(amount, framework.weight, all));
}

/** Of each resource, the most that it, or any role above its own, lacks of what that is guaranteed. */
export function lackOf(client: Client): Vector {
  const { quota, used } = client.framework;
  const own = quota?.guarantee ?? [];
  const [has, guaranteed] = own.length > 0 ? [used, own] : [client.used, guaranteedByRole(client)];
  const lack = guaranteed.map((amount, number) => Math.max(0, amount - (has[number] ?? 0)));
  for (let { above } = client.branch; above !== undefined; above = above.above) {
    for (let number = 0; number < (above.quota?.guarantee.length ?? 0); number += 1) {
      lack[number] = Math.max(lack[number] ?? 0, above.quota?.unmet(number) ?? 0);
    }
  }
  return lack;
}
