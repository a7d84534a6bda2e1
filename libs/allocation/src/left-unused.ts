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
const NOBODY: readonly Leavers[] = [];

/** Those who left an agent when as much of it was unused. */
export type Leavers = {
  readonly agent: Agent;
  readonly before: Vector;
  /** Of the table: a bit for each framework. */
  readonly row: number;
};

export class LeftUnused {
  #bits: BitTable;
  #rows = new NumberPool();
  readonly #leavers = new Map<number, Leavers>();
  /** Columns of the table: by key, as who comes back has left an agent all the same. */
  readonly #columns = new Map<FrameworkKey, number>();
  readonly #maxBytes: number;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
    this.#bits = new BitTable(maxBytes);
  }

  note(agent: Agent, framework: FrameworkKey): void {
    if (this.#tryNote(agent, framework)) return;
    this.#forgetAll();
    this.#tryNote(agent, framework);
  }

  /** Who stands back on the agent as it is now; undefined when nobody does. */
  standingBack({ leavers, unused }: Agent): readonly Leavers[] | undefined {
    const [first] = leavers;
    if (first === undefined) return undefined;
    if (leavers.length === 1 && first.before === unused) return leavers;
    const back = leavers.filter(({ before }) => !isAboveTwice(unused, before));
    return back.length > 0 ? back : undefined;
  }

  isAmong(leavers: readonly Leavers[], framework: FrameworkKey): boolean {
    const column = this.#columns.get(framework);
    if (column === undefined) return false;
    for (const { row } of leavers) if (this.#bits.has(row, column)) return true;
    return false;
  }

  /** To be called when what is unused of the agent may have changed. */
  measure(agent: Agent): void {
    for (const one of agent.leavers) {
      if (one.before !== agent.unused && isAboveTwice(one.before, agent.unused)) this.#forget(one);
    }
  }

  /** The agent is gone or another one than it was, or its round is over. */
  forgetAgent(agent: Agent): void {
    for (const one of agent.leavers) this.#forget(one);
  }

  /** For tests and the simulator: throws when something is kept of which nobody knows. */
  checkInvariants(): void {
    for (const one of this.#leavers.values()) {
      assert(one.agent.leavers.includes(one), 'who left an agent is known there');
      assert(!this.#bits.isEmpty(one.row), 'nothing is kept of an agent that nobody has left');
      assert(!isAboveTwice(one.before, one.agent.unused), 'who left what is in use is forgotten');
    }
  }

  #tryNote(agent: Agent, framework: FrameworkKey): boolean {
    const { row } = leaversOf(agent) ?? this.#newLeavers(agent);
    return this.#bits.set(row, this.#columns.get(framework) ?? this.#newColumn(framework));
  }

  #newColumn(framework: FrameworkKey): number {
    const column = this.#columns.size;
    this.#columns.set(framework, column);
    return column;
  }

  #newLeavers(agent: Agent): Leavers {
    const leavers = { agent, before: agent.unused, row: this.#rows.take() };
    this.#leavers.set(leavers.row, leavers);
    agent.leavers = [...agent.leavers, leavers];
    return leavers;
  }

  #forget(leavers: Leavers): void {
    const { agent, row } = leavers;
    agent.leavers =
      agent.leavers.length === 1 ? NOBODY : agent.leavers.filter((one) => one !== leavers);
    this.#leavers.delete(row);
    this.#bits.clearRow(row);
    this.#rows.giveBack(row);
  }

  #forgetAll(): void {
    for (const { agent } of this.#leavers.values()) agent.leavers = NOBODY;
    this.#leavers.clear();
    this.#columns.clear();
    this.#rows = new NumberPool();
    this.#bits = new BitTable(this.#maxBytes);
  }
}

/** Those who left it when as much of it was unused as now. */
function leaversOf({ leavers, unused }: Agent): Leavers | undefined {
  for (const one of leavers) if (areEqual(one.before, unused)) return one;
  return undefined;
}

/** Of any scalar. */
function isAboveTwice(amounts: Vector, other: Vector): boolean {
  for (let number = 0; number < amounts.length; number += 1) {
    if ((amounts[number] ?? 0) > 2 * (other[number] ?? 0)) return true;
  }
  return false;
}
