// Owns which user of this host each framework's tasks run as: one of a range, the same for as long as the work directory
// lasts. Which one it is follows from the framework's id, so agents mostly agree; of two that meet, the later one gets the
// next that is free. What a user may do is in task-confinement.ts.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from '@parley/isolation/file-failure';
import type { Owner } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FrameworkRef } from '@parley/protocol/ids';
import * as z from 'zod';
import { replaceFile } from './durable-file.ts';

/** Both are in it. Each number is a user and its group; none needs a name. */
export type UserRange = { readonly first: number; readonly last: number };

const Book = z.record(z.string(), z.int().min(1));

export class FrameworkUsers {
  readonly #file: string;
  readonly #range: UserRange;
  readonly #users: Map<string, number>;
  readonly #taken: Set<number>;

  private constructor(file: string, range: UserRange, users: Map<string, number>) {
    this.#file = file;
    this.#range = range;
    this.#users = users;
    this.#taken = new Set(users.values());
  }

  /** Fails with `internalError` when the book is there and cannot be read: sandboxes would change hands. */
  static open(workDirectory: string, range: UserRange): Outcome<FrameworkUsers> {
    const file = path.join(workDirectory, 'framework-users.json');
    try {
      const book = Book.parse(JSON.parse(readFileSync(file, 'utf8')));
      return succeed(new FrameworkUsers(file, range, new Map(Object.entries(book))));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return succeed(new FrameworkUsers(file, range, new Map()));
      const why = error instanceof Error ? error.message : String(error);
      return fail('internalError', `${file} cannot be read: ${why}`);
    }
  }

  /** On the disk before it is used. Fails with `diskFull`, or `internalError` when every user of the range is taken. */
  ownerOf({ principal, frameworkId }: FrameworkRef): Outcome<Owner> {
    // The slash is in no id.
    const name = `${principal}/${frameworkId}`;
    const known = this.#users.get(name);
    if (known !== undefined) return succeed(ownerOf(known));
    const user = this.#free(name);
    if (user === undefined) {
      const { first, last } = this.#range;
      return fail('internalError', `no user is free in ${first}-${last}: give more (--user-range)`);
    }
    const written = this.#write(new Map(this.#users).set(name, user));
    if (!written.ok) return written;
    this.#users.set(name, user);
    this.#taken.add(user);
    return succeed(ownerOf(user));
  }

  #free(name: string): number | undefined {
    const { first, last } = this.#range;
    const size = last - first + 1;
    const start = createHash('sha256').update(name).digest().readUInt32BE() % size;
    for (let step = 0; step < size; step += 1) {
      const user = first + ((start + step) % size);
      if (!this.#taken.has(user)) return user;
    }
    return undefined;
  }

  #write(users: ReadonlyMap<string, number>): Outcome<undefined> {
    return replaceFile(this.#file, JSON.stringify(Object.fromEntries(users)));
  }
}

function ownerOf(user: number): Owner {
  return { userId: user, groupId: user };
}
