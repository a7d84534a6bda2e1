// Owns what tasks and executors of a framework may see of this host and be there: its user, and the places that are hidden
// or let through. How that is made is in @parley/isolation; what the host's own places are, in confinement-setup.ts.
import path from 'node:path';
import { type Confinement, isBelow, type Place } from '@parley/isolation/confinement';
import type { ImageRoot } from '@parley/isolation/image-root';
import type { Owner } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FrameworkRef } from '@parley/protocol/ids';
import type { FrameworkUsers } from './framework-users.ts';

export type ConfinementPolicy = {
  /** Undefined where the agent is not root: its tasks are its own user's. */
  readonly users: FrameworkUsers | undefined;
  /** Users of this host that tasks may name. */
  readonly taskUsers: ReadonlyMap<string, Owner>;
  readonly places: readonly Place[];
  readonly hostSharesMounts: boolean;
  /** Tasks can have the files of an image instead of the host's. */
  readonly canHaveImages: boolean;
  /** The file of the filter of system calls; undefined: they may make all. */
  readonly syscallFilter: string | undefined;
};

/** Without a policy tasks see and may do all that their agent does. */
export class TaskConfinement {
  readonly #policy: ConfinementPolicy | undefined;

  constructor(policy: ConfinementPolicy | undefined) {
    this.#policy = policy;
  }

  /** Users of this host that tasks may name. */
  get taskUsers(): readonly string[] {
    return [...(this.#policy?.taskUsers.keys() ?? [])];
  }

  /**
   * Whose the files of a framework's tasks are; undefined: the agent's. `user`: whom the task names. Fails as
   * `FrameworkUsers.ownerOf`, and with `notPermitted` where no task may be that user.
   */
  ownerOf(framework: FrameworkRef, user: string | undefined): Outcome<Owner | undefined> {
    if (user === undefined) return this.#policy?.users?.ownerOf(framework) ?? succeed(undefined);
    const owner = this.#policy?.taskUsers.get(user);
    if (owner !== undefined) return succeed(owner);
    const named = this.taskUsers.join(', ');
    const others = named === '' ? 'tasks may not name users here' : `tasks may name ${named}`;
    return fail('notPermitted', `user ${user}: ${others} (--task-users of the agent)`);
  }

  /** Places of the host that no task sees. */
  get hidden(): readonly string[] {
    const places = this.#policy?.places ?? [];
    return places.filter(({ is }) => is.startsWith('hidden')).map((place) => place.path);
  }

  get canHaveImages(): boolean {
    return this.#policy?.canHaveImages === true;
  }

  /** `directories`: of the agent's, that a task or executor works in beside its sandbox. Fails as `ownerOf`. */
  of(
    framework: FrameworkRef,
    user: string | undefined,
    directories: readonly string[],
    image?: ImageRoot,
  ): Outcome<{ readonly confinement?: Confinement }> {
    const owner = this.ownerOf(framework, user);
    if (!owner.ok) return owner;
    if (this.#policy === undefined) return succeed({});
    const writable = directories.map((each): Place => ({ path: each, is: 'writable' }));
    const { syscallFilter, hostSharesMounts } = this.#policy;
    // In an image nothing is the host's that would have to be hidden, or could be mounted later, but what is in /dev.
    if (image !== undefined) {
      if (owner.value?.userId === 0) {
        return fail(
          'notPermitted',
          'a task with an image cannot be root: it could change what starts other programs in it',
        );
      }
      const places = [...this.#policy.places.filter(isOfDevices), ...writable];
      return succeed({ confinement: { owner: owner.value, places, syscallFilter, image } });
    }
    const places = [...this.#policy.places, ...writable];
    return succeed({
      confinement: { owner: owner.value, places, syscallFilter, hostSharesMounts },
    });
  }
}

const isOfDevices = ({ path: place }: Place): boolean => isBelow(place, '/dev');

/** Each volume in it is open to the user of the framework that uses it, and to nobody else (volume-store.ts). */
export function volumesDirectoryOf(workDirectory: string): string {
  return path.join(workDirectory, 'volumes');
}
