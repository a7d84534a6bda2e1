// Owns what somebody types to change a role: as the gateway is asked, as the command line says it, and what it would bring. Pure.
import { partsByWeight, type Role } from '../data/roles.ts';
import { showPercent } from '../format/amounts.ts';

export type RoleWishes = {
  readonly weight: string;
  /** `cpus=4,mem=4096`; "none" sets back; "" leaves it. */
  readonly guarantee: string;
  readonly limit: string;
};

type Amounts = Readonly<Record<string, number>>;
type Change = {
  readonly role: string;
  readonly weight?: number;
  readonly guarantee?: Amounts | null;
  readonly limit?: Amounts | null;
};
export type Wished =
  | { readonly ok: true; readonly change: Change }
  | { readonly ok: false; readonly problem: string };

const MILLI = 1000;
const NUMBER = /^\d{1,9}(?:\.\d{1,3})?$/;

export function roleChangeOf(role: string, wishes: RoleWishes): Wished {
  const weight = wishes.weight.trim();
  if (weight !== '' && !NUMBER.test(weight))
    return no('The weight must be a number such as 2 or 0.5.');
  const guarantee = amountsOf(wishes.guarantee);
  const limit = amountsOf(wishes.limit);
  if (guarantee === 'wrong' || limit === 'wrong')
    return no('Amounts must be such as cpus=4,mem=4096, or none.');
  if (weight === '' && guarantee === undefined && limit === undefined)
    return no('Say what is to change.');
  return {
    ok: true,
    change: {
      role,
      ...(weight !== '' && { weight: Math.round(Number(weight) * MILLI) }),
      ...(guarantee !== undefined && { guarantee }),
      ...(limit !== undefined && { limit }),
    },
  };
}

const no = (problem: string): Wished => ({ ok: false, problem });

/** Undefined: nothing is wished. Null: set back. */
function amountsOf(text: string): Amounts | null | undefined | 'wrong' {
  const words = text.trim();
  if (words === '') return undefined;
  if (words === 'none') return null;
  const amounts: Record<string, number> = {};
  for (const part of words.split(',')) {
    const [name = '', amount = '', more] = part.trim().split('=');
    if (!/^[a-z_]{1,64}$/.test(name) || !NUMBER.test(amount) || more !== undefined) return 'wrong';
    amounts[name] = Math.round(Number(amount) * MILLI);
  }
  return amounts;
}

/** As `parley` takes it. */
export function roleCommandOf(role: string, { weight, guarantee, limit }: RoleWishes): string {
  const quota = [
    ...(guarantee.trim() === '' ? [] : [`--guarantee ${joined(guarantee)}`]),
    ...(limit.trim() === '' ? [] : [`--limit ${joined(limit)}`]),
  ];
  return [
    ...(quota.length === 0 ? [] : [`npx parley quota set ${role} ${quota.join(' ')}`]),
    ...(weight.trim() === '' ? [] : [`npx parley weight set ${role} ${weight.trim()}`]),
  ].join(' && ');
}

/** Who gains and who loses by another weight, in thousandths; undefined: how it is. */
export function sharesSentence(
  roles: readonly Role[],
  role: string,
  weight: number | undefined,
): string {
  const before = partsByWeight(roles, {
    [role]: roles.find((one) => one.role === role)?.weight ?? MILLI,
  });
  const now = before.get(role) ?? 0;
  if (weight === undefined)
    return `By weight alone it is entitled to ${showPercent(now, 1)} of the cluster.`;
  const after = partsByWeight(roles, { [role]: weight });
  const others = [...after]
    .filter(([other, part]) => other !== role && Math.abs(part - (before.get(other) ?? 0)) > 0.001)
    .map(
      ([other, part]) =>
        `${other} ${showPercent(before.get(other) ?? 0, 1)} → ${showPercent(part, 1)}`,
    );
  const rest = others.length === 0 ? '' : `; ${others.slice(0, 5).join(', ')}`;
  return `By weight alone: ${role} ${showPercent(now, 1)} → ${showPercent(after.get(role) ?? 0, 1)} of the cluster${rest}.`;
}

/** One word of a command line. */
const joined = (amounts: string): string => amounts.replace(/\s+/g, '');
