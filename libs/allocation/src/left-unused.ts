// Owns who stands back on which agent. Whoever leaves something of an offer unused (declines it, lets it expire, or accepts
// less) comes after all others on that agent, whatever its share. It does so
//   - until less than half of what was unused then is so, of any scalar: somebody has used the agent, or it has itself;
//   - not while more than twice that is unused, of any scalar: this is something else than what it left;
//   - until nobody else takes anything: everybody has had the agent, and the round begins anew.
// So whoever would use the agent is offered it once each of the others has left it, however short their filters are.
// What is offered is decided in agent-division.ts. What is reserved does not count here.
import type { FrameworkKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import type { Agent } from './agent-pool.ts';
import { BitTable } from './bit-table.ts';
import { areEqual, type Vector } from './cluster-totals.ts';
import { NumberPool } from './number-pool.ts';

/** Beyond it all is forgotten: every round begins anew. */
const MAX_BYTES = 64 * 2 ** 20;

/** Those who left an agent when as much of it was unused. */
export type Leavers = {
  readonly agent: Agent;
  readonly before: Vector;
  /** Of the table: a bit for each framework. */
  readonly row: number;
  /** Of the same agent, when another amount was unused. */
  next: Leavers | undefined;
};

export class LeftUnused {
  readonly #maxBytes: number;
  #bits: BitTable;
  /** Columns of the table: by key, as who comes back has left an agent all the same. */
  readonly #columns = new Map<FrameworkKey, number>();
  #rows = new NumberPool();
  readonly #byRow = new Map<number, Leavers>();

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
    this.#bits = new BitTable(maxBytes);
  }

  note(agent: Agent, framework: FrameworkKey): void {
    if (this.#tryNote(agent, framework)) return;
    this.#forgetAll();
    this.#tryNote(agent, framework);
  }

  /** Whether it comes after all others on the agent as it is now. */
  standsBack(agent: Agent, framework: FrameworkKey): boolean {
    if (agent.leavers === undefined) return false;
    const column = this.#columns.get(framework);
    if (column === undefined) return false;
    for (let one: Leavers | undefined = agent.leavers; one !== undefined; one = one.next) {
      if (this.#bits.has(one.row, column) && !isAboveTwice(agent.unused, one.before)) return true;
    }
    return false;
  }

  /** To be called when what is unused of the agent may have changed. */
  measure(agent: Agent): void {
    const { unused } = agent;
    for (let one = agent.leavers; one !== undefined; one = one.next) {
      if (one.before !== unused && isAboveTwice(one.before, unused)) this.#forget(one);
    }
  }

  /** The agent is gone or another one than it was, or its round is over. */
  forgetAgent(agent: Agent): void {
    for (let one = agent.leavers; one !== undefined; one = one.next) this.#forget(one);
  }

  /** For tests and the simulator: throws when something is kept of which nobody knows. */
  checkInvariants(): void {
    for (const leavers of this.#byRow.values()) {
      const { agent, row, before } = leavers;
      let known = agent.leavers;
      while (known !== undefined && known !== leavers) known = known.next;
      assert(known === leavers, 'who left an agent is known there');
      assert(!this.#bits.isEmpty(row), 'nothing is kept of an agent that nobody has left');
      assert(!isAboveTwice(before, agent.unused), 'who left what is in use is forgotten');
    }
  }

  #tryNote(agent: Agent, framework: FrameworkKey): boolean {
    const { row } = leaversLike(agent) ?? this.#newLeavers(agent);
    return this.#bits.set(row, this.#columns.get(framework) ?? this.#newColumn(framework));
  }

  #newColumn(framework: FrameworkKey): number {
    const column = this.#columns.size;
    this.#columns.set(framework, column);
    return column;
  }

  #newLeavers(agent: Agent): Leavers {
    const { unused: before, leavers: next } = agent;
    const leavers = { agent, before, row: this.#rows.take(), next };
    this.#byRow.set(leavers.row, leavers);
    agent.leavers = leavers;
    return leavers;
  }

  /** Its `next` stays. */
  #forget(leavers: Leavers): void {
    const { agent, row, next } = leavers;
    let before = agent.leavers;
    if (before === leavers) agent.leavers = next;
    else {
      while (before !== undefined && before.next !== leavers) before = before.next;
      assert(before !== undefined, 'who left an agent is known there');
      before.next = next;
    }
    this.#byRow.delete(row);
    this.#bits.clearRow(row);
    this.#rows.giveBack(row);
  }

  #forgetAll(): void {
    for (const { agent } of this.#byRow.values()) agent.leavers = undefined;
    this.#byRow.clear();
    this.#columns.clear();
    this.#rows = new NumberPool();
    this.#bits = new BitTable(this.#maxBytes);
  }
}

/** Those who left it when as much of it was unused as now. */
function leaversLike({ leavers, unused }: Agent): Leavers | undefined {
  for (let one = leavers; one !== undefined; one = one.next) {
    if (areEqual(one.before, unused)) return one;
  }
  return undefined;
}

/** Of any scalar. */
function isAboveTwice(amounts: Vector, other: Vector): boolean {
  for (let number = 0; number < amounts.length; number += 1) {
    if ((amounts[number] ?? 0) > 2 * (other[number] ?? 0)) return true;
  }
  return false;
}
