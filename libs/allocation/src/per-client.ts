// Owns a map by client that costs next to nothing while it holds none or one: that is all that most decisions need.
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import type { Client } from './fair-order.ts';

export class PerClient<Value> {
  #first: { readonly client: Client; readonly value: Value } | undefined;
  #others: Map<RoleName, Map<FrameworkKey, Value>> | undefined;

  get(client: Client): Value | undefined {
    if (this.#first === undefined) return undefined;
    if (isSame(this.#first.client, client)) return this.#first.value;
    return this.#others?.get(client.role)?.get(client.framework);
  }

  /** For a client that is not inside. */
  set(client: Client, value: Value): void {
    if (this.#first === undefined) {
      this.#first = { client, value };
      return;
    }
    this.#others ??= new Map();
    const ofRole = this.#others.get(client.role);
    if (ofRole === undefined) this.#others.set(client.role, new Map([[client.framework, value]]));
    else ofRole.set(client.framework, value);
  }

  /** The first one set is first, then those of one role after the other. */
  all(): Value[] {
    if (this.#first === undefined) return [];
    const all = [this.#first.value];
    for (const ofRole of this.#others?.values() ?? []) all.push(...ofRole.values());
    return all;
  }

  every(holds: (value: Value) => boolean): boolean {
    if (this.#first === undefined) return true;
    if (!holds(this.#first.value)) return false;
    for (const ofRole of this.#others?.values() ?? []) {
      for (const value of ofRole.values()) if (!holds(value)) return false;
    }
    return true;
  }
}

const isSame = (a: Client, b: Client): boolean => a.framework === b.framework && a.role === b.role;
