// Owns the page of one framework: what it holds, its tasks and offers, why it waits.
import type { FrameworkRow } from '@parley/cluster-view/view';
import { useEffect, useState } from 'preact/hooks';
import { useCourse } from '../data/course.ts';
import { isPast } from '../data/past.ts';
import { useRow, useRows } from '../data/rows.ts';
import { offerRates } from '../data/shown-events.ts';
import { showAmounts } from '../format/amounts.ts';
import { showDuration } from '../format/times.ts';
import { place } from '../navigation.ts';
import { TearDownFramework } from '../parts/actions.tsx';
import { Empty } from '../parts/command.tsx';
import { shareLineOf } from '../parts/course-lines.ts';
import { DataTable } from '../parts/data-table.tsx';
import { Facts } from '../parts/facts.tsx';
import { LineChart } from '../parts/line-chart.tsx';
import { type LoggedTask, LogView } from '../parts/log-view.tsx';
import { Starved } from '../parts/starved.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { When } from '../parts/when.tsx';
import { WhyPending } from '../parts/why-pending.tsx';
import {
  countOf,
  ENDED_BADLY,
  frameworkKeyOf,
  LIVE,
  OFFER_COLUMNS,
  offerKeyOf,
  TASK_COLUMNS,
  taskKeyOf,
  without,
} from './columns.tsx';
import { Accepted, OfferCount, TaskCount } from './framework-columns.tsx';

export function Framework() {
  const { principal = '', frameworkId = '' } = place.value.names;
  const row = useRow('frameworks', { principal, frameworkId });
  const isThere = row !== null && row !== undefined && row.state !== 'removed';
  const own = `principal:${principal} frameworkId:${frameworkId}`;
  return (
    <>
      <h1>
        Framework {principal}/{frameworkId}
      </h1>
      {row === null && (
        <Empty
          words="It is not there, or not any more. Those that are:"
          command="npx parley framework list"
        />
      )}
      {row !== null && row !== undefined && <About row={row} />}
      <TearDownFramework
        principal={principal}
        frameworkId={frameworkId}
        liveTasks={countOf(row?.tasks ?? {}, LIVE)}
        isOffered={isThere}
      />
      {isThere && (
        <>
          <WhyPending
            of={`/v1/frameworks/${encodeURIComponent(principal)}/${encodeURIComponent(frameworkId)}`}
          />
          <Share of={`${principal}/${frameworkId}`} />
        </>
      )}
      <section aria-label="tasks">
        <h2>Tasks</h2>
        <DataTable
          isMain
          list="tasks"
          label="tasks"
          columns={without(TASK_COLUMNS, 'framework')}
          sort="-launchedAtMs"
          keyOf={taskKeyOf}
          filter={own}
          empty={{
            words: 'It has no tasks.',
            command: `npx parley explain framework ${principal}/${frameworkId}`,
          }}
        />
      </section>
      {!isPast.value && <Outputs principal={principal} frameworkId={frameworkId} />}
      <section aria-label="offers">
        <h2>Offers</h2>
        <DataTable
          list="offers"
          label="offers"
          columns={without(OFFER_COLUMNS, 'framework')}
          keyOf={offerKeyOf}
          filter={own}
          sort="-madeAtMs"
          empty={{ words: 'It was made no offers of late.' }}
        />
      </section>
    </>
  );
}

const About = ({ row }: { readonly row: FrameworkRow }) => (
  <Facts
    facts={[
      ['name', row.name],
      [
        'state',
        <span key="state">
          <StateMark state={row.state} /> <Starved row={row} />
        </span>,
      ],
      ['roles', row.roles.join(', ')],
      ['live tasks', <TaskCount key="live" row={row} states={LIVE} />],
      ['finished tasks', <TaskCount key="finished" row={row} states={['finished']} />],
      ['failed tasks', <TaskCount key="failed" row={row} states={ENDED_BADLY} />],
      ['outstanding offers', <OfferCount key="offers" row={row} />],
      ['holds', showAmounts(row.allocated)],
      ['submitted', <When key="submitted" coreMs={row.submittedAtMs} />],
      ['ramp-up', row.rampUpMs === undefined ? 'not reached' : showDuration(row.rampUpMs)],
      [
        'job completion',
        row.completionMs === undefined
          ? row.state === 'removed'
            ? 'not known'
            : 'goes on'
          : showDuration(row.completionMs),
      ],
      ['offers accepted', <Accepted key="accepted" row={row} />],
      ['of late', `${(offerRates.value.get(frameworkKeyOf(row)) ?? 0).toFixed(1)} offers/s`],
    ]}
  />
);

/** Its dominant share over time. */
function Share({ of }: { readonly of: string }) {
  const samples = useCourse();
  const lines = shareLineOf(samples, of);
  if (isPast.value || samples.length < 2 || lines.names.length < 2) return null;
  return (
    <section aria-label="over time" class="charts">
      <figure>
        <figcaption>dominant share, divided by its weight</figcaption>
        <LineChart label="dominant share" lines={lines} />
      </figure>
    </section>
  );
}

const MAX_TOGETHER = 8;

/** Of its running tasks, the first so many, each line with whose it is. */
function Outputs({
  principal,
  frameworkId,
}: {
  readonly principal: string;
  readonly frameworkId: string;
}) {
  const [isShown, setShown] = useState(false);
  return (
    <section aria-label="output of its tasks">
      <h2>Output of its running tasks, together</h2>
      {isShown ? (
        <Together principal={principal} frameworkId={frameworkId} />
      ) : (
        <button type="button" onClick={() => setShown(true)}>
          Show it
        </button>
      )}
    </section>
  );
}

function Together({ principal, frameworkId }: { principal: string; frameworkId: string }) {
  const filter = `principal:${principal} frameworkId:${frameworkId} state:running`;
  const running = useRows('tasks', { filter, limit: MAX_TOGETHER });
  // Those that ran when it was asked for: what ends meanwhile is read to its end.
  const [chosen, setChosen] = useState<readonly LoggedTask[]>([]);
  useEffect(() => {
    if (chosen.length > 0 || running === undefined) return;
    setChosen(
      running.items.map(({ taskId }) => ({
        name: taskId,
        path: `/v1/tasks/${[principal, frameworkId, taskId].map(encodeURIComponent).join('/')}`,
      })),
    );
  }, [running, chosen, principal, frameworkId]);
  if (chosen.length === 0) return <Empty words="None of its tasks is running." />;
  return <LogView tasks={chosen} command="npx parley task list" />;
}
