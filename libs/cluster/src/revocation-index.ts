// Owns who gains and who loses by the revocations under way. Derived state: never hashed, built anew when a state is
// restored.
import { frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { RevocationRecord } from './records.ts';

const NONE: ReadonlySet<string> = new Set();

export class RevocationIndex {
  readonly #victims = new Map<string, Set<string>>();
  readonly #beneficiaries = new Map<string, Set<string>>();

  /** Keys of its tasks that are taken back, in the order in which that began. */
  against(framework: string): ReadonlySet<string> {
    return this.#victims.get(framework) ?? NONE;
  }

  /** Keys of the tasks that are taken back for it. */
  inFavourOf(framework: string): ReadonlySet<string> {
    return this.#beneficiaries.get(framework) ?? NONE;
  }

  begun({ task, beneficiary }: RevocationRecord): void {
    add(this.#victims, frameworkKey(task), task);
    add(this.#beneficiaries, frameworkKey(beneficiary.framework), task);
  }

  ended({ task, beneficiary }: RevocationRecord): void {
    remove(this.#victims, frameworkKey(task), task);
    remove(this.#beneficiaries, frameworkKey(beneficiary.framework), task);
  }

  get isEmpty(): boolean {
    return this.#victims.size === 0;
  }

  /** Of equal indexes it is equal. */
  text(): string {
    const entries = (index: Map<string, Set<string>>) =>
      [...index].map(([framework, tasks]) => [framework, [...tasks].sort()]).sort();
    return JSON.stringify([entries(this.#victims), entries(this.#beneficiaries)]);
  }
}

function add(index: Map<string, Set<string>>, framework: string, task: TaskRef): void {
  const tasks = index.get(framework) ?? new Set();
  index.set(framework, tasks.add(taskKey(task)));
}

function remove(index: Map<string, Set<string>>, framework: string, task: TaskRef): void {
  const tasks = index.get(framework);
  tasks?.delete(taskKey(task));
  if (tasks?.size === 0) index.delete(framework);
}
