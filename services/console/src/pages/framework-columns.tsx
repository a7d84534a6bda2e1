// Owns how frameworks look as rows, wherever they are shown: what they hold, what became of their offers, how their jobs went.
import { acceptedPart, commonestReason } from '@parley/cluster-view/framework-deeds';
import type { FrameworkRow } from '@parley/cluster-view/view';
import { offerRates } from '../data/shown-events.ts';
import { showAmount, showPercent } from '../format/amounts.ts';
import { showDuration } from '../format/times.ts';
import { linkTo } from '../navigation.ts';
import { Count } from '../parts/count.tsx';
import type { Column } from '../parts/data-table.tsx';
import { Starved } from '../parts/starved.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import {
  countOf,
  ENDED_BADLY,
  FrameworkLink,
  frameworkKeyOf,
  LIVE,
  stateFilter,
  wordsOfReason,
} from './columns.tsx';

type Ref = Pick<FrameworkRow, 'principal' | 'frameworkId'>;

const ownFilter = ({ principal, frameworkId }: Ref): string =>
  `principal:${principal} frameworkId:${frameworkId}`;

/** Of its tasks, those in one of these states. */
export const TaskCount = ({
  row,
  states,
}: {
  readonly row: FrameworkRow;
  readonly states: readonly string[];
}) => (
  <Count
    of={countOf(row.tasks, states)}
    href={linkTo('tasks', {}, { filter: `${ownFilter(row)} ${stateFilter(states)}` })}
  />
);

/** Outstanding ones. */
export const OfferCount = ({ row }: { readonly row: FrameworkRow }) => (
  <Count of={row.offers} href={linkTo('offers', {}, { filter: `${ownFilter(row)} outcome:` })} />
);

const taskCount = (
  title: string,
  states: readonly string[],
  more: Partial<Column<FrameworkRow>> = {},
): Column<FrameworkRow> => ({
  ...{ title, width: '46px', isNumber: true },
  cell: (row) => <TaskCount row={row} states={states} />,
  ...more,
});

export const FRAMEWORK_COLUMNS: readonly Column<FrameworkRow>[] = [
  {
    title: 'framework',
    width: 'minmax(120px, 2fr)',
    sort: 'frameworkId',
    cell: FrameworkLink,
  },
  { title: 'name', width: 'minmax(70px, 1fr)', sort: 'name', cell: ({ name }) => name },
  {
    title: 'roles',
    width: 'minmax(60px, 1fr)',
    cell: ({ roles }) => <span title={roles.join(', ')}>{roles.join(', ')}</span>,
  },
  {
    title: 'state',
    width: 'minmax(115px, 1.5fr)',
    sort: 'state',
    cell: (row) => (
      <>
        <StateMark state={row.state} /> <Starved row={row} />
      </>
    ),
  },
  taskCount('live', LIVE),
  taskCount('finished', ['finished'], { width: '70px', sort: 'tasks.finished' }),
  taskCount('failed', ENDED_BADLY, { width: '50px' }),
  {
    title: 'offers',
    width: '60px',
    isNumber: true,
    sort: 'offers',
    cell: (row) => <OfferCount row={row} />,
  },
  {
    title: 'offers/s',
    width: '66px',
    isNumber: true,
    cell: (row) => showRate(offerRates.value.get(frameworkKeyOf(row))),
  },
  {
    title: 'accepted',
    width: '76px',
    isNumber: true,
    cell: (row) => <Accepted row={row} />,
  },
  {
    title: 'cpus',
    width: '48px',
    isNumber: true,
    sort: 'allocated.cpus',
    cell: ({ allocated }) => showAmount('cpus', allocated['cpus'] ?? 0),
  },
  {
    title: 'mem',
    width: '76px',
    isNumber: true,
    sort: 'allocated.mem',
    cell: ({ allocated }) => showAmount('mem', allocated['mem'] ?? 0),
  },
  {
    title: 'ramp-up',
    width: '70px',
    isNumber: true,
    sort: 'rampUpMs',
    cell: ({ rampUpMs }) => (rampUpMs === undefined ? '–' : showDuration(rampUpMs)),
  },
  {
    title: 'completion',
    width: '88px',
    isNumber: true,
    sort: 'completionMs',
    cell: ({ completionMs, state }) => (
      <span title="from its first subscription to the last news of a task of it, once it is removed">
        {completionMs === undefined
          ? state === 'removed'
            ? '–'
            : 'goes on'
          : showDuration(completionMs)}
      </span>
    ),
  },
];

const showRate = (aSecond = 0): string => (aSecond === 0 ? '0' : aSecond.toFixed(1));

/** Of its answers to offers; why it declined most of the others, on hover. */
export function Accepted({ row: { deeds } }: { readonly row: FrameworkRow }) {
  const part = deeds && acceptedPart(deeds);
  if (deeds === undefined || part === undefined) return <span class="soft">–</span>;
  const why = commonestReason(deeds);
  const words = `accepted ${deeds.accepted}, declined ${deeds.declined}${why === undefined ? '' : `, most for ${wordsOfReason(why)}`}, taken back ${deeds.rescinded}`;
  return <span title={words}>{showPercent(part, 1)}</span>;
}
