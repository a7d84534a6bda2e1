// Owns the tree of roles as names: a role and those above it. Mesos docs, "Roles" and "Reservation".
import { type RoleName, roleAbove } from '@parley/protocol/ids';

/** What nobody named: nothing can be reserved for it. */
export const DEFAULT_ROLE = '*';

/** `eng` for `eng/ads`, and each role for itself: whoever shares in `role` may use what is reserved for `holder`. */
export function isRoleOrAbove(holder: RoleName, role: RoleName): boolean {
  return holder === role || role.startsWith(`${holder}/`);
}

/** `eng/ads`, `eng`: the role itself, then those above it, the nearest first. */
export function pathOf(role: RoleName): RoleName[] {
  const path = [role];
  for (let above = roleAbove(role); above !== undefined; above = roleAbove(above)) path.push(above);
  return path;
}
