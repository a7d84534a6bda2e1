// Owns which graphics processors of this host are which task's: a file for each task in the work directory, so that an agent
// that starts again knows them. That a task can open no others is a matter of its scope (host-access.ts).
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isUnitName } from '@parley/isolation/unit-name';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MILLI } from '@parley/protocol/resources';
import * as z from 'zod';
import { replaceFile } from './durable-file.ts';
import { findGpuCards, type GpuCards } from './gpu-cards.ts';

/** Thousandths of each card, by its name. */
const Shares = z.record(z.string(), z.int().positive());
type Shares = z.infer<typeof Shares>;

export class GpuGrants {
  readonly #directory: string;
  readonly #find: () => Promise<GpuCards>;
  readonly #given = new Map<string, Shares>();

  /** Reads what an earlier process gave; whether its unit still runs it does not know. */
  constructor(workDirectory: string, find: () => Promise<GpuCards> = findGpuCards) {
    this.#directory = path.join(workDirectory, 'given-gpus');
    this.#find = find;
    for (const unit of namesIn(this.#directory)) {
      const shares = readShares(path.join(this.#directory, unit));
      if (isUnitName(unit) && shares !== undefined) this.#given.set(unit, shares);
    }
  }

  /** The units that have any. */
  units(): ReadonlySet<string> {
    return new Set(this.#given.keys());
  }

  /**
   * The device nodes for so many thousandths of a processor: whole ones are the task's alone, a part is of one that tasks with
   * parts share. A unit keeps what it has: it may run. None on a host whose drivers show no nodes. Fails with `notPermitted`
   * where too few are free, or what it is given could not be written down.
   */
  async take(unit: string, amount: number): Promise<Outcome<readonly string[]>> {
    if (amount <= 0) return succeed([]);
    const { cards, common } = await this.#find();
    if (cards.size === 0) return succeed(common);
    const shares = this.#given.get(unit) ?? this.#choose([...cards.keys()], amount);
    if (shares === undefined) {
      return fail(
        'notPermitted',
        `the task holds ${amount / MILLI} gpus, and so much is not free of the ${cards.size} of this agent: wait for a task that has some, or ask another agent`,
      );
    }
    const written = this.#give(unit, shares);
    if (!written.ok) return fail('notPermitted', written.failure.message);
    const own = Object.keys(shares).flatMap((card) => cards.get(card) ?? []);
    return succeed([...own, ...common]);
  }

  /** Of a unit that has none it does nothing. */
  release(unit: string): void {
    if (this.#given.delete(unit)) rmSync(path.join(this.#directory, unit), { force: true });
  }

  /** Whole cards first, the lowest numbers first; the part of one where the least is left that is enough. */
  #choose(cards: readonly string[], amount: number): Shares | undefined {
    const left = new Map(cards.map((card) => [card, MILLI]));
    for (const shares of this.#given.values()) {
      for (const [card, share] of Object.entries(shares)) {
        left.set(card, (left.get(card) ?? 0) - share);
      }
    }
    const whole = Math.floor(amount / MILLI);
    const untouched = cards.filter((card) => left.get(card) === MILLI).slice(0, whole);
    if (untouched.length < whole) return undefined;
    const shares: Shares = Object.fromEntries(untouched.map((card) => [card, MILLI]));
    const part = amount % MILLI;
    if (part === 0) return shares;
    const [shared] = cards
      .filter((card) => !untouched.includes(card) && (left.get(card) ?? 0) >= part)
      .sort((one, other) => (left.get(one) ?? 0) - (left.get(other) ?? 0));
    return shared === undefined ? undefined : { ...shares, [shared]: part };
  }

  /** On the disk before anything runs on them. */
  #give(unit: string, shares: Shares): Outcome<undefined> {
    if (this.#given.has(unit)) return succeed(undefined);
    // Another task must not be given them meanwhile.
    this.#given.set(unit, shares);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const written = replaceFile(path.join(this.#directory, unit), JSON.stringify(shares));
    if (!written.ok) this.#given.delete(unit);
    return written;
  }
}

function readShares(file: string): Shares | undefined {
  try {
    return Shares.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
