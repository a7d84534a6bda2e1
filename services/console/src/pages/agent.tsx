// Owns the page of one agent: what it has, how much of it is used, now and over time, by whom; what happened to it.
import type { AgentRow } from '@parley/cluster-view/view';
import { useState } from 'preact/hooks';
import { useAgentCourse } from '../data/course.ts';
import { agentFilter, fitsEvent } from '../data/event-filter.ts';
import type { ToldEvent } from '../data/events.ts';
import { isPast } from '../data/past.ts';
import { useRow } from '../data/rows.ts';
import { shownEvents } from '../data/shown-events.ts';
import { useAsked } from '../data/use-asked.ts';
import { byUse } from '../format/amounts.ts';
import { linkTo, place } from '../navigation.ts';
import { ChangeAgent } from '../parts/actions.tsx';
import { AmountBar, wordsOf } from '../parts/amount-bar.tsx';
import { Empty } from '../parts/command.tsx';
import { Count } from '../parts/count.tsx';
import { resourceLines } from '../parts/course-lines.ts';
import { DataTable } from '../parts/data-table.tsx';
import { EventRows } from '../parts/event-rows.tsx';
import { Facts } from '../parts/facts.tsx';
import { LineChart } from '../parts/line-chart.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import {
  LIVE,
  OFFER_COLUMNS,
  offerKeyOf,
  stateFilter,
  TASK_COLUMNS,
  taskKeyOf,
  without,
} from './columns.tsx';

export function Agent() {
  const { agentId = '' } = place.value.names;
  const row = useRow('agents', { agentId });
  return (
    <>
      <h1>Agent {agentId}</h1>
      {row === null && (
        <Empty
          words="It is not there, or not any more. Those that are:"
          command="npx parley agent list"
        />
      )}
      {row !== null && row !== undefined && <About row={row} />}
      <section aria-label="tasks">
        <h2>Tasks</h2>
        <DataTable
          isMain
          list="tasks"
          label="tasks"
          columns={without(TASK_COLUMNS, 'agent')}
          keyOf={taskKeyOf}
          filter={`agentId:${agentId}`}
          sort="-launchedAtMs"
          empty={{ words: 'No task is on it, and none ended on it of late.' }}
        />
      </section>
      <section aria-label="offers">
        <h2>Offers</h2>
        <DataTable
          list="offers"
          label="offers"
          columns={without(OFFER_COLUMNS, 'agent')}
          keyOf={offerKeyOf}
          filter={`agentId:${agentId}`}
          sort="-madeAtMs"
          empty={{ words: 'Nothing of it was offered of late.' }}
        />
      </section>
      <Happened agentId={agentId} />
    </>
  );
}

function About({ row }: { readonly row: AgentRow }) {
  const { agentId } = row;
  const attributes = useAttributes(agentId);
  const samples = useAgentCourse(agentId);
  const used = isPast.value ? undefined : samples.at(-1)?.used;
  return (
    <>
      <Facts
        facts={[
          ['host', row.hostname],
          ['state', <StateMark key="state" state={row.state} />],
          ['condition', <StateMark key="condition" state={row.condition} />],
          [
            'live tasks',
            <Count
              key="tasks"
              of={row.tasks}
              href={linkTo('tasks', {}, { filter: `agentId:${agentId} ${stateFilter(LIVE)}` })}
            />,
          ],
          ...(attributes === undefined ? [] : [['attributes', attributes] as const]),
        ]}
      />
      <ChangeAgent row={row} />
      {Object.keys(row.total)
        .sort(byUse)
        .map((name) => {
          const parts = {
            total: row.total[name] ?? 0,
            allocated: row.allocated[name] ?? 0,
            offered: row.offered[name] ?? 0,
            used: used?.[name],
          };
          return (
            <div key={name} class="resource">
              <span>
                <b>{name}</b> {wordsOf(name, parts)}
              </span>
              <AmountBar name={name} parts={parts} />
            </div>
          );
        })}
      {!isPast.value && samples.length > 1 && (
        <section aria-label="over time" class="charts">
          {Object.keys(row.total)
            .sort(byUse)
            .slice(0, 3)
            .map((name) => (
              <figure key={name}>
                <figcaption>{name}: parts of all it has</figcaption>
                <LineChart label={name} lines={resourceLines(samples, name)} />
              </figure>
            ))}
        </section>
      )}
    </>
  );
}

type MesosAgents = {
  readonly slaves: readonly { readonly attributes: Readonly<Record<string, string | number>> }[];
};

/** As it told when it registered; they are not in events, so of the past they are not known. */
function useAttributes(agentId: string): string | undefined {
  const search = new URLSearchParams({ slave_id: agentId });
  const { answer } = useAsked<MesosAgents>(isPast.value ? undefined : `/slaves?${search}`);
  const [agent] = answer?.slaves ?? [];
  if (agent === undefined) return undefined;
  const words = Object.entries(agent.attributes).map(([name, value]) => `${name}: ${value}`);
  return words.length === 0 ? 'none' : words.join(' · ');
}

/** What is known of it and of its tasks and offers. */
function Happened({ agentId }: { readonly agentId: string }) {
  const [held, setHeld] = useState<readonly ToldEvent[] | undefined>(undefined);
  const known = shownEvents.value;
  const filter = agentFilter(agentId);
  const shown = (held ?? known).filter((told) => fitsEvent(told, filter)).toReversed();
  return (
    <section aria-label="events">
      <h2>
        Events <Count of={shown.length} href={linkTo('events', {}, { filter })} />
      </h2>
      {shown.length === 0 ? (
        <Empty words="Nothing happened to it of late." />
      ) : (
        <EventRows shown={shown} setHeld={(isHeld) => setHeld(isHeld ? known : undefined)} />
      )}
    </section>
  );
}
