// Owns the page of one task: what it is, how it came to that, its limits, its output and its files.
import type { TaskRow } from '@parley/cluster-view/view';
import { isPast } from '../data/past.ts';
import { useRow } from '../data/rows.ts';
import { showAmounts } from '../format/amounts.ts';
import { linkTo, place } from '../navigation.ts';
import { KillTask } from '../parts/actions.tsx';
import { Command, Empty } from '../parts/command.tsx';
import { Facts } from '../parts/facts.tsx';
import { FileBrowser } from '../parts/file-browser.tsx';
import { LogView } from '../parts/log-view.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { TaskTimeline } from '../parts/task-timeline.tsx';
import { TaskUse } from '../parts/task-use.tsx';
import { When } from '../parts/when.tsx';
import { WhyPending } from '../parts/why-pending.tsx';
import { AgentLink, LIVE } from './columns.tsx';

export function Task() {
  const { principal = '', frameworkId = '', taskId = '' } = place.value.names;
  const row = useRow('tasks', { principal, frameworkId, taskId });
  const key = `${principal}/${frameworkId}/${taskId}`;
  const path = `/v1/tasks/${[principal, frameworkId, taskId].map(encodeURIComponent).join('/')}`;
  return (
    <>
      <h1>Task {taskId}</h1>
      {row === null && (
        <Empty
          words="It is not launched, or ended longer ago than is kept."
          command={`npx parley explain task ${key}`}
        />
      )}
      {row && <About row={row} taskKey={key} />}
      <WhyPending of={path} />
      <TaskTimeline principal={principal} frameworkId={frameworkId} taskId={taskId} />
      {row && <Written path={path} taskId={taskId} taskKey={key} />}
    </>
  );
}

/** Its output and its files: of a task that is not known there is nowhere to ask for them. */
function Written(of: { readonly path: string; readonly taskId: string; readonly taskKey: string }) {
  const { path, taskId, taskKey } = of;
  if (isPast.value) {
    return <Empty words="Output and files are those of now: go to the present to read them." />;
  }
  return (
    <>
      <section aria-label="output">
        <h2>Output</h2>
        <LogView tasks={[{ name: taskId, path }]} command={`npx parley task logs -f ${taskKey}`} />
      </section>
      <section aria-label="files">
        <h2>Files</h2>
        <FileBrowser of={path} />
      </section>
    </>
  );
}

function About({ row, taskKey }: { readonly row: TaskRow; readonly taskKey: string }) {
  const { principal, frameworkId, name, agentId, state, reason, message, resources } = row;
  return (
    <>
      <p class="lead">
        <StateMark state={state} /> {sentenceOf(row)}{' '}
        <KillTask row={row} isOffered={LIVE.some((live) => live === state)} />
      </p>
      <Facts
        facts={[
          ['name', name],
          [
            'framework',
            <a key="framework" href={linkTo('framework', { principal, frameworkId })}>
              {principal}/{frameworkId}
            </a>,
          ],
          ['agent', <AgentLink key="agent" agentId={agentId} />],
          ['limits', showAmounts(resources)],
          ...(state === 'running' ? [['uses', <TaskUse key="uses" row={row} />] as const] : []),
          ['launched', <When key="launched" coreMs={row.launchedAtMs} />],
          ['changed', <When key="changed" coreMs={row.changedAtMs} />],
          ...(reason === undefined ? [] : [['reason', reason] as const]),
          ...(message === undefined ? [] : [['says', message] as const]),
          ['in a terminal', <Command key="command" words={`npx parley task inspect ${taskKey}`} />],
        ]}
      />
    </>
  );
}

/** Why it is in its state, in one sentence. */
function sentenceOf({ state, reason, message, agentId }: TaskRow): string {
  const why = [reason, message].filter(Boolean).join(': ');
  return `${state === 'running' ? 'on' : 'was last on'} ${agentId}${why === '' ? '' : ` (${why})`}`;
}
