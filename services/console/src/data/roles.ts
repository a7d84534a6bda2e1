// Owns roles as the page shows them: a tree by their names, and what part of the cluster each would get by weight alone. Pure.

type Amounts = Readonly<Record<string, number>>;

/** As `/v1/roles` tells it, in thousandths. */
export type Role = {
  readonly role: string;
  readonly weight: number;
  readonly guarantee: Amounts;
  readonly limit: Amounts;
  /** With the roles below it. */
  readonly allocated: Amounts;
  readonly offered: Amounts;
  readonly reserved: Amounts;
  readonly dominantShare: { readonly share: number; readonly resource: string | null };
  /** In it or in a role below. */
  readonly frameworks: readonly string[];
};

export type TreeRole = Role & {
  /** How many of those that are shown it is below. */
  readonly depth: number;
  readonly parent: string | undefined;
};

/** Each after the one that it is below. */
export function treeOf(roles: readonly Role[]): readonly TreeRole[] {
  const names = new Set(roles.map(({ role }) => role));
  const aboveOf = (role: string): string[] =>
    [...role.matchAll(/\//g)]
      .map(({ index }) => role.slice(0, index))
      .filter((above) => names.has(above));
  const key = (role: string): string => role.replaceAll('/', '\0');
  return roles
    .map((role) => {
      const above = aboveOf(role.role);
      return { ...role, depth: above.length, parent: above.at(-1) };
    })
    .sort((a, b) => (key(a.role) < key(b.role) ? -1 : 1));
}

/**
 * What part of the cluster each role is entitled to by weight alone, if whoever is there wanted all they may have: divided
 * down the tree among the roles that somebody is in (infra/docs/sharing.md). `changed`: with these weights instead.
 */
export function partsByWeight(
  roles: readonly Role[],
  changed: Readonly<Record<string, number>> = {},
): ReadonlyMap<string, number> {
  const tree = treeOf(roles);
  const parts = new Map<string, number>();
  const divide = (parent: string | undefined, whole: number): void => {
    // Somebody who asks what would be is counted as there.
    const beside = tree.filter(
      (role) => role.parent === parent && (role.frameworks.length > 0 || role.role in changed),
    );
    const weightOf = ({ role, weight }: Role): number => changed[role] ?? weight;
    const sum = beside.reduce((all, role) => all + weightOf(role), ownWeight(tree, parent));
    for (const role of beside) {
      const part = sum === 0 ? 0 : (whole * weightOf(role)) / sum;
      parts.set(role.role, part);
      divide(role.role, part);
    }
  };
  divide(undefined, 1);
  return parts;
}

const USUAL_WEIGHT = 1000;

/** The frameworks of a role that has roles below it are together one more child of it. */
function ownWeight(tree: readonly TreeRole[], role: string | undefined): number {
  if (role === undefined) return 0;
  const below = new Set(
    tree.filter(({ parent }) => parent === role).flatMap(({ frameworks }) => frameworks),
  );
  const all = tree.find((one) => one.role === role)?.frameworks ?? [];
  return all.some((framework) => !below.has(framework)) ? USUAL_WEIGHT : 0;
}
