// Owns which roles each principal may use, as last read from the principals bucket. Decided at the edge,
// before the journal. What is missing is looked up again before it is denied.
import type { Failure } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { PrincipalRecord } from '@parley/protocol/operators';

/** A denial stands only on a reading that is not older than this. */
const MAX_READING_AGE_MS = 2000;

export type RoleDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly refresh: boolean; readonly failure: Failure };

export class PrincipalRoles {
  #records: ReadonlyMap<string, PrincipalRecord> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;

  replace(records: ReadonlyMap<string, PrincipalRecord>, nowMs: number): void {
    this.#records = records;
    this.#readAtMs = nowMs;
  }

  decide(principal: PrincipalName, role: string, nowMs: number): RoleDecision {
    const record = this.#records.get(principal);
    if (record?.roles.some((pattern) => covers(pattern, role))) return { allowed: true };
    if (nowMs - this.#readAtMs > MAX_READING_AGE_MS) {
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
}

/** `*` allows any role; `eng` allows `eng` and everything below it. */
function covers(pattern: string, role: string): boolean {
  return pattern === '*' || role === pattern || role.startsWith(`${pattern}/`);
}
