// Owns the users of a gateway as their file has them now: read again when it changes. One that is bad then changes nothing,
// and the log says why: whoever could sign in still can.
import { readFileSync, statSync } from 'node:fs';
import { type GatewayUser, parseUsers } from '@parley/operator-sdk/gateway-users';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ActorLog } from '@parley/telemetry/logger';
import { ALL_PERMISSIONS, type Visitor } from './visitor.ts';

/** The file is looked at when somebody asks, at most so often. */
const LOOK_EVERY_MS = 1000;
const OTHERS_MAY = 0o007;

export class UsersSource {
  readonly #file: string;
  readonly #logger: ActorLog;
  #users: readonly GatewayUser[] = [];
  #byName = new Map<string, GatewayUser>();
  #byToken = new Map<string, GatewayUser>();
  #mark: string | undefined;
  #lookedMs = 0;

  private constructor(file: string, logger: ActorLog) {
    this.#file = file;
    this.#logger = logger;
  }

  /** Fails with `malformed` or `unavailable`. */
  static open(file: string, logger: ActorLog): Outcome<UsersSource> {
    const source = new UsersSource(file, logger);
    const read = source.#read();
    return read.ok ? succeed(source) : read;
  }

  named(name: string): GatewayUser | undefined {
    return this.#byName.get(name);
  }

  /** A hash says nothing of the token, so looking it up says nothing either. */
  ofToken(sha256: string): GatewayUser | undefined {
    return this.#byToken.get(sha256);
  }

  look(nowMs: number): void {
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = nowMs;
    const before = this.#mark;
    const read = this.#read();
    if (!read.ok) this.#logger.error({ why: read.failure.message }, 'the users stay as they were');
    else if (this.#mark !== before) {
      this.#logger.info({ count: this.#users.length }, 'users read again');
    }
  }

  /** Says what is wrong once for each change of the file. */
  #read(): Outcome<undefined> {
    try {
      const { mtimeMs, ctimeMs, size, ino, mode } = statSync(this.#file);
      const mark = [mtimeMs, ctimeMs, size, ino, mode].join(' ');
      if (mark === this.#mark) return succeed(undefined);
      this.#mark = mark;
      if ((mode & OTHERS_MAY) !== 0) {
        const shown = (mode & 0o777).toString(8);
        this.#logger.warn(
          { file: this.#file, mode: shown },
          'other users of this host may read or change who may sign in: chmod o= the file',
        );
      }
      const users = parseUsers(this.#file, readFileSync(this.#file, 'utf8'));
      if (!users.ok) return users;
      this.#take(users.value);
      return succeed(undefined);
    } catch (error) {
      const isFirst = this.#mark !== GONE;
      this.#mark = GONE;
      return isFirst ? fail('unavailable', String(error)) : succeed(undefined);
    }
  }

  #take(users: readonly GatewayUser[]): void {
    this.#users = users;
    this.#byName = new Map(users.map((user) => [user.name, user]));
    const ofTokens = (user: GatewayUser): [string, GatewayUser][] =>
      user.tokens.map(({ sha256 }) => [sha256, user]);
    this.#byToken = new Map(users.flatMap(ofTokens));
  }
}

const GONE = 'gone';

export const visitorOfUser = ({ name, principal, permissions }: GatewayUser): Visitor => ({
  name,
  principal,
  permissions: new Set(permissions),
});

/** Who holds the sign-in file, which the user that runs the gateway can read, and nobody else. */
export const OWNER: Visitor = {
  name: 'the owner of the sign-in file',
  principal: undefined,
  permissions: ALL_PERMISSIONS,
};
