// Owns the first page: of each resource how much is used, allocated, offered and free, over time too; who has which share;
// tasks by state; what is in trouble.
import { type Sample, useCourse } from '../data/course.ts';
import { isPast } from '../data/past.ts';
import { type Overview as Shown, useOverview } from '../data/rows.ts';
import { byUse, showCount } from '../format/amounts.ts';
import { linkTo } from '../navigation.ts';
import { AmountBar, wordsOf } from '../parts/amount-bar.tsx';
import { Empty } from '../parts/command.tsx';
import { resourceLines, shareLines } from '../parts/course-lines.ts';
import { DataTable } from '../parts/data-table.tsx';
import { LineChart } from '../parts/line-chart.tsx';
import {
  ENDED_BADLY,
  frameworkKeyOf,
  LIVE,
  stateFilter,
  TASK_COLUMNS,
  THERE,
  taskKeyOf,
} from './columns.tsx';
import { FRAMEWORK_COLUMNS } from './framework-columns.tsx';

export function Overview() {
  const overview = useOverview();
  const samples = useCourse();
  // Of the past the gateway keeps no samples.
  const used = isPast.value ? undefined : samples.at(-1)?.used;
  if (overview === undefined) return <Empty words="Asking the gateway …" />;
  const { total, allocated, offered } = overview;
  return (
    <>
      <h1>{overview.cluster ?? 'Cluster'}</h1>
      <Numbers of={overview} />
      <section aria-label="resources">
        <h2>Resources</h2>
        {Object.keys(total).length === 0 && (
          <Empty words="No agent has registered yet." command="npx parley status" />
        )}
        {Object.keys(total)
          .sort(byUse)
          .map((name) => {
            const parts = {
              total: total[name] ?? 0,
              allocated: allocated[name] ?? 0,
              offered: offered[name] ?? 0,
              used: used?.[name],
            };
            return (
              <a
                key={name}
                class="resource"
                href={linkTo('agents', {}, { sort: `-allocated.${name}` })}
              >
                <span>
                  <b>{name}</b> {wordsOf(name, parts)}
                </span>
                <AmountBar name={name} parts={parts} />
              </a>
            );
          })}
      </section>
      {!isPast.value && samples.length > 1 && (
        <Charts samples={samples} names={Object.keys(total).sort(byUse)} />
      )}
      <section aria-label="frameworks">
        <h2>Frameworks</h2>
        <DataTable
          list="frameworks"
          label="frameworks"
          columns={FRAMEWORK_COLUMNS}
          keyOf={frameworkKeyOf}
          empty={{
            words: 'No framework is there.',
            command: "npx parley run -- sh -c 'echo hello'",
          }}
        />
      </section>
      <Trouble />
    </>
  );
}

const Numbers = ({ of: { agents, frameworks, tasks, offers, leader } }: { readonly of: Shown }) => (
  <section aria-label="numbers" class="numbers">
    <CountCard
      one="agent"
      count={agents.registered}
      href={linkTo('agents', {}, { filter: 'state:registered' })}
    />
    {agents.unreachable > 0 && (
      <CountCard
        one="unreachable agent"
        count={agents.unreachable}
        href={linkTo('agents', {}, { filter: 'state:unreachable' })}
      />
    )}
    <CountCard
      one="framework"
      count={frameworks.subscribed + frameworks.disconnected}
      href={linkTo('frameworks', {}, { filter: stateFilter(THERE) })}
    />
    {LIVE.filter((state) => state === 'running' || (tasks[state] ?? 0) > 0).map((state) => (
      <CountCard
        key={state}
        one={`task ${state}`}
        many={`tasks ${state}`}
        count={tasks[state] ?? 0}
        href={linkTo('tasks', {}, { filter: `state:${state}` })}
      />
    ))}
    <CountCard
      one="offer outstanding"
      many="offers outstanding"
      count={offers}
      href={linkTo('offers', {}, { filter: 'outcome:' })}
    />
    <a class="number-card" href={linkTo('system')}>
      <b>{leader ?? 'nobody'}</b> leads
    </a>
  </section>
);

const CountCard = ({
  one,
  many = `${one}s`,
  count,
  href,
}: {
  readonly one: string;
  readonly many?: string;
  readonly count: number;
  readonly href: string;
}) => (
  <a class="number-card" data-count={count} href={href}>
    <b>{showCount(count)}</b> {count === 1 ? one : many}
  </a>
);

function Charts({
  samples,
  names,
}: {
  readonly samples: readonly Sample[];
  readonly names: readonly string[];
}) {
  const shares = shareLines(samples);
  return (
    <section aria-label="over time" class="charts">
      {names.slice(0, 4).map((name) => (
        <figure key={name}>
          <figcaption>{name}: parts of all there is</figcaption>
          <LineChart label={name} lines={resourceLines(samples, name)} />
        </figure>
      ))}
      {shares.names.length > 0 && (
        <figure>
          <figcaption>dominant share of each framework, divided by its weight</figcaption>
          <LineChart label="dominant shares" lines={shares} />
        </figure>
      )}
    </section>
  );
}

/** Tasks that nobody hears of, and those that ended otherwise than they should. */
const Trouble = () => (
  <section aria-label="trouble">
    <h2>In trouble</h2>
    <DataTable
      list="tasks"
      label="tasks in trouble"
      columns={TASK_COLUMNS}
      keyOf={taskKeyOf}
      filter={stateFilter(['unreachable', ...ENDED_BADLY])}
      sort="-changedAtMs"
      empty={{ words: 'No task has failed of late, and none is out of reach.' }}
    />
  </section>
);
