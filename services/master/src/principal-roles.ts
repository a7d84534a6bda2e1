// Owns which roles each principal may use, as last read from the principals bucket. Decided at the edge,
// before the journal. What is missing is looked up again before it is denied.
import type { Failure } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { PrincipalRecord } from '@parley/protocol/operators';

/** Whoever was told to try again does so within this. */
const TRIES_AGAIN_MS = 10_000;
/** Different ones that wait for a reading; roles may have any name. */
const MAX_ASKED = 1000;

export type RoleDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly refresh: boolean; readonly failure: Failure };

export class PrincipalRoles {
  #records: ReadonlyMap<string, PrincipalRecord> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** What was not in the register when it was asked for, and when that was. */
  readonly #asked = new Map<string, number>();

  /** `nowMs`: when the reading began. */
  replace(records: ReadonlyMap<string, PrincipalRecord>, nowMs: number): void {
    this.#records = records;
    this.#readAtMs = nowMs;
  }

  decide(principal: PrincipalName, role: string, nowMs: number): RoleDecision {
    const record = this.#records.get(principal);
    if (record?.roles.some((pattern) => covers(pattern, role))) return { allowed: true };
    if (!this.#isReadSince(`${principal} ${role}`, nowMs)) {
      return {
        allowed: false,
        refresh: true,
        failure: {
          code: 'unavailable',
          message: 'the roles of the principal are being read; try again',
        },
      };
    }
    const known = record ? `it may use: ${record.roles.join(', ')}` : 'it is not registered';
    return {
      allowed: false,
      refresh: false,
      failure: {
        code: 'notPermitted',
        message: `principal ${principal} may not use role ${role}; ${known}. An operator can change that with: parley principal add ${principal} --roles ${role}`,
      },
    };
  }

  /** A denial stands only on a reading that began after it was first asked: whoever was just let in is. */
  #isReadSince(key: string, nowMs: number): boolean {
    const before = this.#asked.get(key);
    const firstMs = before === undefined || nowMs - before > TRIES_AGAIN_MS ? nowMs : before;
    this.#asked.delete(key);
    if (this.#readAtMs >= firstMs) return true;
    if (this.#asked.size >= MAX_ASKED) this.#asked.clear();
    this.#asked.set(key, firstMs);
    return false;
  }
}

/** `*` allows any role; `eng` allows `eng` and everything below it. */
function covers(pattern: string, role: string): boolean {
  return pattern === '*' || role === pattern || role.startsWith(`${pattern}/`);
}
