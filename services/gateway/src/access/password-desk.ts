// Owns whether a password is a user's. That costs half a second of a core on purpose, so: few at a time, a bounded queue,
// one answer for equal questions, and who was right a moment ago is not asked again. Nothing here holds a password.
import { createHmac } from 'node:crypto';
import { fitsPassword } from '@parley/operator-sdk/secret-hash';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 1000;
const AT_ONCE = 2;
const MAX_WAITING = 16;

type Proof = { readonly name: string; readonly password: string };
type Verify = (password: string, hash: string | undefined) => Promise<boolean>;

export class PasswordDesk {
  readonly #key: string;
  readonly #verify: Verify;
  /** Of those who were right: until when that holds. By the question's mark, the oldest first. */
  readonly #right = new Map<string, number>();
  readonly #open = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `key`: a secret of this process; marks are made with it. */
  constructor(key: string, verify: Verify = fitsPassword) {
    this.#key = key;
    this.#verify = verify;
  }

  /** It was right a moment ago. */
  isKnownRight(proof: Proof, hash: string | undefined, nowMs: number): boolean {
    return (this.#right.get(this.#markOf(proof, hash)) ?? 0) > nowMs;
  }

  /** `hash`: undefined for a user that is not known. Fails with `overloaded`. */
  async fits(proof: Proof, hash: string | undefined, nowMs: number): Promise<Outcome<boolean>> {
    const mark = this.#markOf(proof, hash);
    const open = this.#open.get(mark);
    if (open === undefined && this.#waiting.length >= MAX_WAITING) {
      return fail('overloaded', 'too many passwords wait to be checked; try again');
    }
    const isRight = await (open ?? this.#ask(mark, proof.password, hash));
    if (isRight && hash !== undefined) this.#remember(mark, nowMs + REMEMBER_MS);
    return succeed(isRight);
  }

  #markOf({ name, password }: Proof, hash: string | undefined): string {
    const question = JSON.stringify([name, password, hash ?? null]);
    return createHmac('sha256', this.#key).update(question).digest('base64');
  }

  #ask(mark: string, password: string, hash: string | undefined): Promise<boolean> {
    const answer = this.#inTurn(() => this.#verify(password, hash)).finally(() =>
      this.#open.delete(mark),
    );
    this.#open.set(mark, answer);
    return answer;
  }

  async #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    if (this.#running >= AT_ONCE) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #remember(mark: string, untilMs: number): void {
    this.#right.delete(mark);
    this.#right.set(mark, untilMs);
    for (const oldest of this.#right.keys()) {
      if (this.#right.size <= MAX_REMEMBERED) return;
      this.#right.delete(oldest);
    }
  }
}
