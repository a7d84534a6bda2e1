// Owns the frame of every page: the way to the others, what is wrong, the page, the bar of time.
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { runClock } from './data/clock.ts';
import { followEvents } from './data/events.ts';
import { learnSession } from './data/gateway.ts';
import { followAt, isPast, isWithoutCluster, openedFile, pastTrouble } from './data/past.ts';
import { followKeys } from './keys.ts';
import { followLinks, linkTo, place } from './navigation.ts';
import { Agent } from './pages/agent.tsx';
import { Agents } from './pages/agents.tsx';
import { Compare } from './pages/compare.tsx';
import { Events } from './pages/events.tsx';
import { Framework } from './pages/framework.tsx';
import { Frameworks, Tasks } from './pages/lists.tsx';
import { Offers } from './pages/offers.tsx';
import { Overview } from './pages/overview.tsx';
import { Roles } from './pages/roles.tsx';
import { System } from './pages/system.tsx';
import { Task } from './pages/task.tsx';
import { KeyHelp } from './parts/key-help.tsx';
import { Lost } from './parts/lost.tsx';
import { TimeBar } from './parts/time-bar.tsx';
import { addressOf, type PageName } from './place.ts';

const COMPONENTS: Readonly<Record<PageName, ComponentType>> = {
  overview: Overview,
  frameworks: Frameworks,
  framework: Framework,
  roles: Roles,
  agents: Agents,
  agent: Agent,
  offers: Offers,
  tasks: Tasks,
  task: Task,
  events: Events,
  system: System,
  compare: Compare,
};
const WAYS = [
  'overview',
  'frameworks',
  'tasks',
  'agents',
  'offers',
  'roles',
  'events',
  'system',
] as const;

export function Console() {
  useEffect(() => {
    const stops = [followLinks(), followAt(), followKeys(), runClock()];
    if (!isWithoutCluster.peek()) {
      learnSession().catch(() => undefined);
      stops.push(followEvents());
    }
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const { page, names } = place.value;
  const title = [...Object.values(names).slice(-1), page ?? 'no such page', 'Parley'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
  const Page = page === undefined ? NoPage : COMPONENTS[page];
  return (
    <div class={isPast.value ? 'frame past' : 'frame'}>
      <a class="skip" href="#content">
        to the content
      </a>
      <header>
        <a class="brand" href={linkTo('overview')}>
          Parley
        </a>
        <nav aria-label="pages">
          {WAYS.map((way) => (
            <a key={way} href={linkTo(way)} aria-current={way === page ? 'page' : undefined}>
              {way}
            </a>
          ))}
        </nav>
        <Lost />
      </header>
      <main id="content" tabIndex={-1}>
        {isPast.value && (
          <p class="past-note" role="status">
            {openedFile.value === undefined
              ? 'This is the past: nothing can be changed.'
              : `This is the window of ${openedFile.value}.`}
          </p>
        )}
        {pastTrouble.value !== undefined && <p role="alert">{pastTrouble.value}</p>}
        <Page key={`${page} ${Object.values(names).join('/')}`} />
      </main>
      <TimeBar />
      <KeyHelp />
    </div>
  );
}

const NoPage = () => (
  <p class="empty">
    There is no such page. <a href={addressOf('overview')}>To the overview</a>
  </p>
);
