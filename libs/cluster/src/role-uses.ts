// Owns which roles there are: any name is a role as soon as somebody uses it, and stays one while anything is set for it.
// Mesos docs, "Roles": implicit roles.
import type { RoleName } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import type { FrameworkRecord } from './records.ts';
import { pathOf } from './roles.ts';

/** With those above them: of frameworks, of what is held in them, and of what is reserved for them. */
export function usedRoles(state: ClusterState): Set<RoleName> {
  const used = new Set<RoleName>(state.books.roles.roles());
  const named = new Set<RoleName>();
  for (const { roles } of state.frameworks.rows()) for (const { role } of roles) named.add(role);
  for (const { role } of state.reservations.rows()) named.add(role);
  for (const role of named) for (const one of pathOf(role)) used.add(one);
  return used;
}

/** And those for which something is set. In order of their names. */
export function knownRoles(state: ClusterState): RoleName[] {
  const known = usedRoles(state);
  for (const { role } of state.roleSettings.rows()) for (const one of pathOf(role)) known.add(one);
  return [...known].sort();
}

/** The lowest role that all roles of the framework are in: its guarantee is a part of that one's. Undefined: there is none. */
export function homeRole({ roles }: Pick<FrameworkRecord, 'roles'>): RoleName | undefined {
  const [first, ...others] = roles.map(({ role }) => new Set(pathOf(role)));
  return [...(first ?? [])].find((role) => others.every((path) => path.has(role)));
}
