// Owns what goes on after it was let in: live feeds, commands beside tasks, their input and output. Each is ended soon after
// whoever sent its request would not be let in any more: signed out, session over, user removed, password or token changed,
// permission taken.
import type { FastifyRequest } from 'fastify';
import type { Access, Permission, Visitor } from './visitor.ts';

/** How long a feed may outlive the right to it; a change of the file of users is seen a second after it was made. */
const LOOK_MS = 1000;

type End = (why: string) => void;
type Feed = { readonly stillBehind: () => Visitor | undefined; readonly end: End };

export class LetIn {
  readonly #access: Pick<Access, 'stillBehind'>;
  readonly #permission: Permission;
  readonly #feeds = new Set<Feed>();
  #timer: NodeJS.Timeout | undefined;

  /** All that is let in takes the same permission. */
  constructor(access: Pick<Access, 'stillBehind'>, permission: Permission) {
    this.#access = access;
    this.#permission = permission;
  }

  /** `end` is called once, unless the feed was forgotten before, which is for when it has ended: what is returned does so. */
  add(request: FastifyRequest, end: End): () => void {
    const feed = { stillBehind: this.#access.stillBehind(request), end };
    this.#feeds.add(feed);
    this.#timer ??= setInterval(() => this.look(), LOOK_MS);
    return () => this.#forget(feed);
  }

  look(): void {
    for (const feed of this.#feeds) {
      if (feed.stillBehind()?.permissions.has(this.#permission) === true) continue;
      this.#forget(feed);
      feed.end(
        `signed out, or the permission ${this.#permission} was taken: sign in and ask again`,
      );
    }
  }

  #forget(feed: Feed): void {
    this.#feeds.delete(feed);
    if (this.#feeds.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
