// Owns what tasks and executors of a framework may see of this host and be there: its user, and the places that are hidden
// or let through. How that is made is in @parley/isolation; what the host's own places are, in confinement-setup.ts.
import path from 'node:path';
import type { Confinement, Place } from '@parley/isolation/confinement';
import type { ImageRoot } from '@parley/isolation/image-root';
import type { Owner } from '@parley/isolation/sandbox';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { FrameworkRef } from '@parley/protocol/ids';
import type { FrameworkUsers } from './framework-users.ts';

export type ConfinementPolicy = {
  /** Undefined where the agent is not root: its tasks are its own user's. */
  readonly users: FrameworkUsers | undefined;
  readonly places: readonly Place[];
};

/** Without a policy tasks see and may do all that their agent does. */
export class TaskConfinement {
  readonly #policy: ConfinementPolicy | undefined;

  constructor(policy: ConfinementPolicy | undefined) {
    this.#policy = policy;
  }

  /** Whose the files of a framework's tasks are; undefined: the agent's. Fails as `FrameworkUsers.ownerOf`. */
  ownerOf(framework: FrameworkRef): Outcome<Owner | undefined> {
    return this.#policy?.users?.ownerOf(framework) ?? succeed(undefined);
  }

  /** It takes root to mount one, and namespaces to mount it in. */
  get canHaveImages(): boolean {
    return this.#policy?.users !== undefined;
  }

  /** `directories`: of the agent's, that a task or executor works in beside its sandbox. Fails as `ownerOf`. */
  of(
    framework: FrameworkRef,
    directories: readonly string[],
    image?: ImageRoot,
  ): Outcome<{ readonly confinement?: Confinement }> {
    if (this.#policy === undefined) return succeed({});
    const owner = this.ownerOf(framework);
    if (!owner.ok) return owner;
    const writable = directories.map((each): Place => ({ path: each, is: 'writable' }));
    // In an image nothing is the host's that would have to be hidden.
    if (image !== undefined) {
      return succeed({ confinement: { owner: owner.value, places: writable, image } });
    }
    const places = [...this.#policy.places, ...writable];
    return succeed({ confinement: { owner: owner.value, places } });
  }
}

/** Each volume in it is open to the user of the framework that uses it, and to nobody else (volume-store.ts). */
export function volumesDirectoryOf(workDirectory: string): string {
  return path.join(workDirectory, 'volumes');
}
