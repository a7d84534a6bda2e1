// What every step of the set-up throws when it cannot go on: what failed, why, and what the reader can do about it.
// Kept free of dependencies and of syntax newer than Node 18, because it runs before anything is installed.

/** An operating failure of the set-up, worded for somebody who has just cloned the repository. */
export class SetupFailure extends Error {
  /**
   * @param {{ what: string, why: string, remedy: string, cause?: unknown }} parts
   */
  constructor({ what, why, remedy, cause }) {
    super(`${what}\n  why:    ${why}\n  remedy: ${remedy}`, { cause });
    this.name = 'SetupFailure';
    this.what = what;
    this.why = why;
    this.remedy = remedy;
  }
}
