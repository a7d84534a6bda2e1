// Owns how rows of each list look, wherever such a list is shown.
import type { AgentRow, Amounts, FrameworkRow, OfferRow, TaskRow } from '@parley/cluster-view/view';
import { showAmounts } from '../format/amounts.ts';
import { linkTo } from '../navigation.ts';
import { SmallBar } from '../parts/amount-bar.tsx';
import { Count } from '../parts/count.tsx';
import type { Column } from '../parts/data-table.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { Lasting, When } from '../parts/when.tsx';

export const taskKeyOf = ({ principal, frameworkId, taskId }: TaskRow): string =>
  `${principal}/${frameworkId}/${taskId}`;
export const frameworkKeyOf = ({
  principal,
  frameworkId,
}: Pick<FrameworkRow, 'principal' | 'frameworkId'>): string => `${principal}/${frameworkId}`;
export const agentKeyOf = ({ agentId }: AgentRow): string => agentId;
export const offerKeyOf = ({ offerId }: OfferRow): string => offerId;

export const FrameworkLink = ({
  principal,
  frameworkId,
}: {
  principal: string;
  frameworkId: string;
}) => (
  <a href={linkTo('framework', { principal, frameworkId })} title={`${principal}/${frameworkId}`}>
    {principal}/{frameworkId}
  </a>
);
export const AgentLink = ({ agentId }: { readonly agentId: string }) => (
  <a href={linkTo('agent', { agentId })}>{agentId}</a>
);

const Resources = ({ of }: { readonly of: Amounts }) => (
  <span title={showAmounts(of)}>{showAmounts(of)}</span>
);

/** "command exited" of `commandExited`. */
export const wordsOfReason = (reason: string): string =>
  reason.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export const TASK_COLUMNS: readonly Column<TaskRow>[] = [
  {
    title: 'task',
    width: 'minmax(140px, 2fr)',
    sort: 'taskId',
    cell: ({ principal, frameworkId, taskId }) => (
      <a href={linkTo('task', { principal, frameworkId, taskId })}>{taskId}</a>
    ),
  },
  { title: 'name', width: 'minmax(80px, 1fr)', sort: 'name', cell: ({ name }) => name },
  {
    title: 'state',
    width: '120px',
    sort: 'state',
    cell: ({ state }) => <StateMark state={state} />,
  },
  {
    title: 'reason',
    width: 'minmax(100px, 1fr)',
    sort: 'reason',
    cell: ({ reason = '', message }) => (
      <span title={message ?? wordsOfReason(reason)}>{wordsOfReason(reason)}</span>
    ),
  },
  { title: 'framework', width: 'minmax(120px, 1.5fr)', sort: 'frameworkId', cell: FrameworkLink },
  { title: 'agent', width: 'minmax(80px, 1fr)', sort: 'agentId', cell: AgentLink },
  {
    title: 'resources',
    width: 'minmax(190px, 1.5fr)',
    cell: ({ resources }) => <Resources of={resources} />,
  },
  {
    title: 'launched',
    width: '120px',
    sort: 'launchedAtMs',
    cell: ({ launchedAtMs }) => <When coreMs={launchedAtMs} />,
  },
];

/** Where a column says the same of each row. */
export const without = <Row,>(
  columns: readonly Column<Row>[],
  ...titles: readonly string[]
): readonly Column<Row>[] => columns.filter(({ title }) => !titles.includes(title));

export const countOf = (
  counts: Readonly<Record<string, number>>,
  states: readonly string[],
): number => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
/** What a list is filtered by, so that it holds what is counted. */
export const stateFilter = (states: readonly string[]): string => `state:${states.join(',')}`;
export const LIVE = ['staging', 'starting', 'running', 'killing', 'unreachable'] as const;
/** Of frameworks. */
export const THERE = ['subscribed', 'disconnected'] as const;
export const ENDED_BADLY = ['failed', 'error', 'dropped', 'gone'] as const;

const partsOf = ({ total: whole, allocated, offered }: AgentRow, name: string) => ({
  total: whole[name] ?? 0,
  allocated: allocated[name] ?? 0,
  offered: offered[name] ?? 0,
});

export const AGENT_COLUMNS: readonly Column<AgentRow>[] = [
  { title: 'agent', width: 'minmax(120px, 1.5fr)', sort: 'agentId', cell: AgentLink },
  {
    title: 'host',
    width: 'minmax(100px, 1fr)',
    sort: 'hostname',
    cell: ({ hostname }) => hostname,
  },
  {
    title: 'state',
    width: '130px',
    sort: 'state',
    cell: ({ state }) => <StateMark state={state} />,
  },
  {
    title: 'condition',
    width: '130px',
    sort: 'condition',
    cell: ({ condition }) => <StateMark state={condition} />,
  },
  {
    title: 'tasks',
    width: '70px',
    isNumber: true,
    sort: 'tasks',
    cell: ({ agentId, tasks }) => (
      <Count
        of={tasks}
        href={linkTo('tasks', {}, { filter: `agentId:${agentId} ${stateFilter(LIVE)}` })}
      />
    ),
  },
  ...['cpus', 'mem', 'disk'].map((name) => ({
    title: name,
    width: '130px',
    sort: `allocated.${name}`,
    cell: (row: AgentRow) => <SmallBar name={name} parts={partsOf(row, name)} />,
  })),
  { title: 'total', width: 'minmax(180px, 1.5fr)', cell: ({ total: whole }) => showAmounts(whole) },
];

export const OFFER_COLUMNS: readonly Column<OfferRow>[] = [
  {
    title: 'offer',
    width: 'minmax(120px, 1fr)',
    sort: 'offerId',
    cell: ({ offerId }) => <code>{offerId}</code>,
  },
  {
    title: 'outcome',
    width: 'minmax(130px, 1fr)',
    sort: 'outcome',
    cell: ({ outcome }) => <StateMark state={outcome ?? 'outstanding'} />,
  },
  { title: 'framework', width: 'minmax(140px, 1.5fr)', sort: 'frameworkId', cell: FrameworkLink },
  { title: 'role', width: 'minmax(80px, 1fr)', sort: 'role', cell: ({ role }) => role },
  { title: 'agent', width: 'minmax(80px, 1fr)', sort: 'agentId', cell: AgentLink },
  {
    title: 'resources',
    width: 'minmax(190px, 1.5fr)',
    cell: ({ resources }) => <Resources of={resources} />,
  },
  {
    title: 'made',
    width: '110px',
    sort: 'madeAtMs',
    cell: ({ madeAtMs }) => <When coreMs={madeAtMs} />,
  },
  {
    title: 'lasted',
    width: '90px',
    cell: ({ madeAtMs, endedAtMs }) => <Lasting fromMs={madeAtMs} toMs={endedAtMs} />,
  },
];
