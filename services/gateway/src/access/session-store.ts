// Owns the sessions of browsers: in memory, bounded, ended when nobody uses them and at last in any case. Of the token that
// the cookie holds only its hash is kept, so that what this memory says signs nobody in.
import { timingSafeEqual } from 'node:crypto';
import { hashToken } from '@parley/operator-sdk/secret-hash';

export const IDLE_MS = 8 * 3_600_000;
export const LONGEST_MS = 24 * 3_600_000;
/** Beyond them the one that was not used for longest ends. */
export const MAX_SESSIONS = 1000;

export type Session = {
  readonly user: string;
  /** Changes with the user's password: a session of the old one ends. Undefined: signed in by a link. */
  readonly passwordHash: string | undefined;
  /** What a page has to show with each change, beside the cookie that the browser adds by itself. */
  readonly csrfToken: string;
};

type Kept = Session & { readonly beganMs: number; usedMs: number };

export class SessionStore {
  /** By the token's hash, those used last at the end. */
  readonly #sessions = new Map<string, Kept>();
  readonly #newSecret: () => string;

  constructor(newSecret: () => string) {
    this.#newSecret = newSecret;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Gives the token for the cookie. */
  begin(of: Pick<Session, 'user' | 'passwordHash'>, nowMs: number): string {
    this.#endOld(nowMs);
    const token = this.#newSecret();
    const csrfToken = this.#newSecret();
    this.#sessions.set(hashToken(token), { ...of, csrfToken, beganMs: nowMs, usedMs: nowMs });
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= MAX_SESSIONS) break;
      this.#sessions.delete(key);
    }
    return token;
  }

  /** Counts as a use. */
  find(token: string, nowMs: number): Session | undefined {
    const key = hashToken(token);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    this.#sessions.delete(key);
    if (isOver(session, nowMs)) return undefined;
    session.usedMs = nowMs;
    this.#sessions.set(key, session);
    return session;
  }

  /** Likewise, without being a use. */
  peek(token: string, nowMs: number): Session | undefined {
    const session = this.#sessions.get(hashToken(token));
    return session === undefined || isOver(session, nowMs) ? undefined : session;
  }

  end(token: string): void {
    this.#sessions.delete(hashToken(token));
  }

  #endOld(nowMs: number): void {
    for (const [key, session] of this.#sessions) {
      if (isOver(session, nowMs)) this.#sessions.delete(key);
    }
  }
}

const isOver = ({ beganMs, usedMs }: Kept, nowMs: number): boolean =>
  nowMs - usedMs > IDLE_MS || nowMs - beganMs > LONGEST_MS;

/** Takes as long for a wrong one as for the right one. */
export function isSameSecret(shown: string | undefined, kept: string): boolean {
  const digests = [shown ?? '', kept].map((text) => Buffer.from(hashToken(text), 'hex'));
  const [one, other] = digests;
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
