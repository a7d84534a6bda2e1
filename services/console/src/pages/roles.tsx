// Owns the page of roles: a tree with weight, guarantee and limit of each beside what it has, and its share.
import { mayOperate } from '../data/gateway.ts';
import { isPast } from '../data/past.ts';
import { partsByWeight, type Role, type TreeRole, treeOf } from '../data/roles.ts';
import { useRolesOfPast } from '../data/rows.ts';
import { useAsked } from '../data/use-asked.ts';
import { byUse, showAmount, showNumber, showPercent } from '../format/amounts.ts';
import { linkTo } from '../navigation.ts';
import { RoleChange } from '../parts/actions.tsx';
import { Empty } from '../parts/command.tsx';
import { Count } from '../parts/count.tsx';
import { stateFilter, THERE } from './columns.tsx';

const LOOK_MS = 2000;

export function Roles() {
  const { answer, problem, again } = useAsked<{ items: readonly Role[] }>(
    isPast.value ? undefined : '/v1/roles',
    LOOK_MS,
  );
  const rolesThen = useRolesOfPast();
  const roles = isPast.value ? rolesThen : answer?.items;
  const parts = partsByWeight(roles ?? []);
  return (
    <>
      <h1>Roles and quota</h1>
      {isPast.value && (
        <p class="soft">
          As it was at this moment. What a framework in several roles held counts in the roles that
          all of them are in; what was reserved is not known here.
        </p>
      )}
      {roles === undefined && problem !== undefined && <p role="alert">{problem}</p>}
      {roles?.length === 0 && (
        <Empty
          words="Nobody is in a role and nothing is set for one. To set something:"
          command="npx parley weight set eng 2"
        />
      )}
      {roles !== undefined && roles.length > 0 && (
        <table class="plain">
          <thead>
            <tr>
              <th>role</th>
              <th>weight</th>
              <th title="of the cluster, if all who are there wanted all they may have">
                by weight
              </th>
              <th title="the largest part of any one resource that it has">dominant share</th>
              <th>frameworks</th>
              <th>guarantee · has · limit</th>
              <th>change</th>
            </tr>
          </thead>
          <tbody>
            {treeOf(roles).map((role) => (
              <Row
                key={role.role}
                role={role}
                part={parts.get(role.role)}
                roles={roles}
                again={again}
              />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Row({
  role,
  part,
  roles,
  again,
}: {
  readonly role: TreeRole;
  readonly part: number | undefined;
  readonly roles: readonly Role[];
  readonly again: () => void;
}) {
  const { depth, frameworks, weight, dominantShare } = role;
  const list = linkTo(
    'frameworks',
    {},
    { filter: `roles:${namesBelow(roles, role.role)} ${stateFilter(THERE)}` },
  );
  return (
    <tr>
      <td style={{ paddingLeft: `${20 * depth}px` }}>
        {depth > 0 && (
          <span class="soft" aria-hidden="true">
            └{' '}
          </span>
        )}
        <a href={list}>{role.role}</a>
      </td>
      <td>{showNumber(weight)}</td>
      <td>{part === undefined ? '–' : showPercent(part, 1)}</td>
      <td>
        {dominantShare.resource === null
          ? '–'
          : `${showPercent(dominantShare.share, 1)} of ${dominantShare.resource}`}
      </td>
      <td>
        <Count of={frameworks.length} href={list} />
      </td>
      <td>
        <Quota role={role} />
      </td>
      <td>
        {mayOperate() && !isPast.value && (
          <RoleChange role={role.role} roles={roles} onDone={again} />
        )}
      </td>
    </tr>
  );
}

/** A framework in a role below is in it, too. */
const namesBelow = (roles: readonly Role[], name: string): string =>
  roles
    .map(({ role }) => role)
    .filter((role) => role === name || role.startsWith(`${name}/`))
    .join(',');

function Quota({ role: { guarantee, limit, allocated } }: { readonly role: Role }) {
  const names = [...new Set([guarantee, limit, allocated].flatMap(Object.keys))].sort(byUse);
  return (
    <>
      {names.map((name) => (
        <Bullet
          key={name}
          name={name}
          guarantee={guarantee[name]}
          limit={limit[name]}
          has={allocated[name] ?? 0}
        />
      ))}
    </>
  );
}

/** A bar for what it has, a tick each for guarantee and limit; words alone where there is neither. */
function Bullet({
  name,
  guarantee,
  limit,
  has,
}: {
  name: string;
  guarantee: number | undefined;
  limit: number | undefined;
  has: number;
}) {
  const show = (amount: number | undefined): string =>
    amount === undefined ? 'none' : showAmount(name, amount);
  const words = `${name}: has ${show(has)}, guarantee ${show(guarantee)}, limit ${show(limit)}`;
  const most = Math.max(has, guarantee ?? 0, limit ?? 0, 1);
  const x = (amount: number): number => (98 * amount) / most;
  return (
    <div class="bullet">
      <span>{words}</span>
      {(guarantee !== undefined || limit !== undefined) && (
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={words}>
          <title>{words}</title>
          <rect class="free" width="100" height="8" />
          <rect class="allocated" y="2" width={x(has)} height="4" />
          {guarantee !== undefined && <rect class="tick" x={x(guarantee)} width="0.6" height="8" />}
          {limit !== undefined && <rect class="tick" x={x(limit)} width="1.2" height="8" />}
        </svg>
      )}
    </div>
  );
}
