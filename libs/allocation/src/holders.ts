// Owns what each client has while tasks are chosen to be taken back: what it holds without those that go, what of its
// guarantee it keeps, and whose tasks are the most expendable. Pure.
import { type FrameworkKey, frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { RevocableTask } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { type SharingClient, type Standing, sharerKey } from './claims.ts';
import { amountIn, compareFractions, type Fraction, largestFraction, minus } from './quantities.ts';

type HeldTask = Pick<RevocableTask, 'task' | 'role' | 'resources'>;

export class Holders {
  readonly #standings: Map<string, Standing>;
  /** What frameworks that have guarantees of their own hold over all their roles. */
  readonly #wholes: Map<FrameworkKey, Quantities>;

  constructor(clients: readonly SharingClient[]) {
    this.#standings = new Map(
      clients.map((client) => [sharerKey(client), { client, held: client.held, gains: {} }]),
    );
    this.#wholes = new Map(
      clients.flatMap(({ framework, whole }) =>
        whole === undefined ? [] : [[frameworkKey(framework), whole.held]],
      ),
    );
  }

  standings(): MapIterator<Standing> {
    return this.#standings.values();
  }

  /** By `sharerKey`. */
  has(client: string): boolean {
    return this.#standings.has(client);
  }

  get(client: string): Standing | undefined {
    return this.#standings.get(client);
  }

  /** Who holds the task. */
  of(task: Pick<RevocableTask, 'task' | 'role'>): Standing | undefined {
    return this.#standings.get(holderKey(task));
  }

  leave(task: HeldTask): void {
    const standing = this.of(task);
    if (standing !== undefined) standing.held = minus(standing.held, task.resources.scalars);
    const key = frameworkKey(task.task);
    const whole = this.#wholes.get(key);
    if (whole !== undefined) this.#wholes.set(key, minus(whole, task.resources.scalars));
  }

  /** Its framework's own, over all its roles; else its part of its role's. */
  keepsGuarantee(holder: Standing, task: RevocableTask, chosen: readonly RevocableTask[]): boolean {
    const { whole, guarantee } = holder.client;
    const key = frameworkKey(task.task);
    const held = this.#wholes.get(key);
    if (whole === undefined || held === undefined) {
      const left = minus(heldWithout(holder, chosen), task.resources.scalars);
      return keeps(guarantee, task, left);
    }
    const going = [...chosen.filter((other) => frameworkKey(other.task) === key), task];
    const left = going.reduce((rest, { resources }) => minus(rest, resources.scalars), held);
    return keeps(whole.guarantee, task, left);
  }

  /** The lowest priority, then those of who is most above its share, then the youngest. */
  byExpendability(a: RevocableTask, b: RevocableTask, chosen: readonly RevocableTask[]): number {
    return (
      a.priority - b.priority ||
      compareFractions(this.#shareOf(b, chosen), this.#shareOf(a, chosen)) ||
      b.launchedAtMs - a.launchedAtMs ||
      compareTasks(a.task, b.task)
    );
  }

  #shareOf(task: RevocableTask, chosen: readonly RevocableTask[]): Fraction {
    const holder = this.of(task);
    if (holder === undefined) return [0, 1];
    return largestFraction(heldWithout(holder, chosen), holder.client.fairShare);
  }
}

const holderKey = ({ task, role }: Pick<RevocableTask, 'task' | 'role'>): string =>
  sharerKey({ framework: task, role });

export function heldWithout(holder: Standing, chosen: readonly RevocableTask[]): Quantities {
  const key = sharerKey(holder.client);
  return chosen
    .filter((task) => holderKey(task) === key)
    .reduce((held, { resources }) => minus(held, resources.scalars), holder.held);
}

/** Of what the task holds. */
function keeps(guarantee: Quantities, { resources }: RevocableTask, after: Quantities): boolean {
  return Object.keys(resources.scalars).every((name) => {
    const least = amountIn(guarantee, name);
    return least === 0 || amountIn(after, name) >= least;
  });
}

function compareTasks(a: TaskRef, b: TaskRef): number {
  const [left, right] = [taskKey(a), taskKey(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
