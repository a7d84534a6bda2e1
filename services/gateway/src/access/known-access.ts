// Owns who is let in where somebody has to sign in: users of the file by password or token, whoever holds the sign-in
// file by its token, browsers by their session. Guesses are bounded, and all that is wrong costs the same.
import type { GatewayUser } from '@parley/operator-sdk/gateway-users';
import { hashToken } from '@parley/operator-sdk/secret-hash';
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FastifyRequest } from 'fastify';
import { PasswordDesk } from './password-desk.ts';
import { authorizationOf, cookieOf, type Shown } from './request-credentials.ts';
import { isSameSecret, type Session, SessionStore } from './session-store.ts';
import type { SignInFile } from './sign-in-file.ts';
import { addressKey, type Guesser, TryLimits } from './try-limits.ts';
import { OWNER, type UsersSource, visitorOfUser } from './users-source.ts';
import type { Access, Visitor } from './visitor.ts';

export type KnownAccessParts = {
  readonly users: UsersSource | undefined;
  readonly signInFile: SignInFile | undefined;
  readonly newSecret: () => string;
  readonly nowMs: () => number;
};

export type SignedIn = { readonly token: string };
type Proof = { readonly name: string; readonly password: string };

/** No name or secret in it: it goes to whoever guesses. */
const WRONG = 'the name, the password or the token is not right';
const NOT_SHOWN =
  'sign in first: with a name and password, with a token (Authorization: Bearer), or in a browser at /sign-in';

export class KnownAccess implements Access {
  readonly #parts: KnownAccessParts;
  readonly #limits = new TryLimits();
  readonly #desk: PasswordDesk;
  readonly #sessions: SessionStore;
  /** Which hash the password that was shown fitted. */
  readonly #fitted = new WeakMap<FastifyRequest, string>();

  constructor(parts: KnownAccessParts) {
    this.#parts = parts;
    this.#desk = new PasswordDesk(parts.newSecret());
    this.#sessions = new SessionStore(parts.newSecret);
  }

  /** There is a password that somebody could type. */
  get takesPasswords(): boolean {
    return this.#parts.users !== undefined;
  }

  async visitorOf(request: FastifyRequest): Promise<Outcome<Visitor>> {
    this.#parts.users?.look(this.#parts.nowMs());
    const shown = authorizationOf(request.headers);
    if (shown !== undefined) return await this.#visitorShown(request, shown);
    const session = this.sessionOf(request);
    const visitor = session && this.#visitorOfSession(session);
    return visitor === undefined ? fail('notPermitted', NOT_SHOWN) : succeed(visitor);
  }

  stillBehind(request: FastifyRequest): () => Visitor | undefined {
    const { users, nowMs } = this.#parts;
    const shown = authorizationOf(request.headers);
    const token = cookieOf(request.headers, cookieName(request));
    const passwordHash = this.#fitted.get(request);
    return () => {
      users?.look(nowMs());
      if (shown?.way === 'bearer') return this.#ownerOfToken(shown.token);
      if (shown?.way === 'basic') return this.#visitorOfHash(shown.name, passwordHash);
      const session = token === undefined ? undefined : this.#sessions.peek(token, nowMs());
      return session && this.#visitorOfSession(session);
    };
  }

  /** Of the browser that sent it; it may be one whose user has lost everything since. */
  sessionOf(request: FastifyRequest): Session | undefined {
    const token = cookieOf(request.headers, cookieName(request));
    return token === undefined ? undefined : this.#sessions.find(token, this.#parts.nowMs());
  }

  async signInByPassword(request: FastifyRequest, proof: Proof): Promise<Outcome<SignedIn>> {
    const user = await this.#userOf(request, proof);
    if (!user.ok) return user;
    return succeed(this.#begin(user.value.name, user.value.password));
  }

  /** The link works once. */
  signInByLink(request: FastifyRequest, linkToken: string): Outcome<SignedIn> {
    const guesser = { address: addressKey(request.ip) };
    const waiting = this.#mustWait(guesser);
    if (waiting !== undefined) return waiting;
    const { signInFile, nowMs } = this.#parts;
    if (signInFile?.takeLink(linkToken) === true)
      return succeed(this.#begin(OWNER.name, undefined));
    this.#limits.wasWrong(guesser, nowMs());
    return fail('notPermitted', 'this link has been used or is too old');
  }

  signOut(request: FastifyRequest): void {
    const token = cookieOf(request.headers, cookieName(request));
    if (token !== undefined) this.#sessions.end(token);
  }

  #begin(user: string, passwordHash: string | undefined): SignedIn {
    return { token: this.#sessions.begin({ user, passwordHash }, this.#parts.nowMs()) };
  }

  #visitorOfSession({ user: name, passwordHash }: Session): Visitor | undefined {
    return passwordHash === undefined ? OWNER : this.#visitorOfHash(name, passwordHash);
  }

  /** Undefined: nobody of that name, or one with another password by now. */
  #visitorOfHash(name: string, passwordHash: string | undefined): Visitor | undefined {
    const user = passwordHash === undefined ? undefined : this.#parts.users?.named(name);
    return user?.password === passwordHash ? user && visitorOfUser(user) : undefined;
  }

  #ownerOfToken(token: string): Visitor | undefined {
    const { users, signInFile } = this.#parts;
    const user = users?.ofToken(hashToken(token));
    if (user !== undefined) return visitorOfUser(user);
    return signInFile !== undefined && isSameSecret(token, signInFile.token) ? OWNER : undefined;
  }

  async #visitorShown(request: FastifyRequest, shown: Shown): Promise<Outcome<Visitor>> {
    if (shown.way === 'unreadable') return fail('notPermitted', WRONG);
    if (shown.way === 'bearer') return this.#visitorOfToken(request, shown.token);
    const user = await this.#userOf(request, shown);
    if (!user.ok) return user;
    const { password } = user.value;
    if (password !== undefined) this.#fitted.set(request, password);
    return succeed(visitorOfUser(user.value));
  }

  #visitorOfToken(request: FastifyRequest, token: string): Outcome<Visitor> {
    const owner = this.#ownerOfToken(token);
    if (owner !== undefined) return succeed(owner);
    const guesser = { address: addressKey(request.ip) };
    const waiting = this.#mustWait(guesser);
    if (waiting !== undefined) return waiting;
    this.#limits.wasWrong(guesser, this.#parts.nowMs());
    return fail('notPermitted', WRONG);
  }

  async #userOf(request: FastifyRequest, proof: Proof): Promise<Outcome<GatewayUser>> {
    const { users, nowMs } = this.#parts;
    users?.look(nowMs());
    const user = users?.named(proof.name);
    if (user !== undefined && this.#desk.isKnownRight(proof, user.password, nowMs())) {
      return succeed(user);
    }
    const guesser = { address: addressKey(request.ip), user: proof.name };
    const waiting = this.#mustWait(guesser);
    if (waiting !== undefined) return waiting;
    const fits = await this.#desk.fits(proof, user?.password, nowMs());
    if (!fits.ok) return fits;
    if (user !== undefined && fits.value) return succeed(user);
    this.#limits.wasWrong(guesser, nowMs());
    return fail('notPermitted', WRONG);
  }

  #mustWait(guesser: Guesser): { ok: false; failure: Failure } | undefined {
    const retryAfterMs = this.#limits.waitMs(guesser, this.#parts.nowMs());
    if (retryAfterMs === 0) return undefined;
    const message = 'too many wrong passwords or tokens; wait before the next';
    return { ok: false, failure: { code: 'rateLimited', message, retryAfterMs } };
  }
}

/** Browsers send cookies to every port of a host: two gateways on one must not end each other's sessions. */
export const cookieName = (request: FastifyRequest): string =>
  `parley-session-${request.socket.localPort ?? 0}`;
