// Owns the tree of roles as names: a role and those above it. Mesos docs, "Roles" and "Reservation".
import type { RoleName } from '@parley/protocol/ids';

/** What nobody named: nothing can be reserved for it. */
export const DEFAULT_ROLE = '*';

/** `eng` for `eng/ads`, and each role for itself: whoever shares in `role` may use what is reserved for `holder`. */
export function isRoleOrAbove(holder: RoleName, role: RoleName): boolean {
  return holder === role || role.startsWith(`${holder}/`);
}
