// Owns /containers and /monitor/statistics of one agent: its containers with what they use, measured by the agent while
// somebody looks.

import type { AgentRecord } from '@parley/cluster/records';
import type { Measured, UsageBoard } from '../usage-board.ts';
import { isDefault, type Work, workOn } from './agent-work.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import type { Model } from './model.ts';
import { statisticsOf } from './statistics.ts';

/** Who begins to look waits so long for the agent's first word. Agents that run tasks without scopes tell nothing. */
const PATIENCE_MS = 1000;

type Look = Awaited<ReturnType<UsageBoard['measuredOn']>>;
/** A container, and what is measured of it. */
export type Seen = { readonly work: Work; readonly statistics: ReturnType<typeof statisticsOf> };

export async function seenOn(
  { state }: Model,
  agent: Pick<AgentRecord, 'agentId'>,
  { usage, nowWallMs }: { readonly usage: UsageBoard; readonly nowWallMs: number },
): Promise<Seen[]> {
  const look = await usage.measuredOn(agent.agentId, PATIENCE_MS);
  return workOn(state, agent).map((work) => ({
    work,
    statistics: statisticsOf(work.parts, measuredOf(work, look), nowWallMs),
  }));
}

function measuredOf(work: Work, look: Look): Measured[] {
  const { executor, tasks } = work;
  const ofTasks = tasks.map(({ task }) => look({ task }));
  const ofExecutor = executor && look({ executor: executor.executor });
  const units = executor === undefined || isDefault(work) ? [ofExecutor, ...ofTasks] : [ofExecutor];
  return units.filter((each) => each !== undefined);
}

const nameOf = ({ executorId, name, framework }: Work) => ({
  executor_id: executorId,
  executor_name: name,
  framework_id: mesosFrameworkId(framework),
  source: executorId,
});

export const statisticsPage = (seen: readonly Seen[]) =>
  seen.map(({ work, statistics }) => ({ ...nameOf(work), statistics }));

export const containersPage = (seen: readonly Seen[]) =>
  seen.map(({ work, statistics }) => ({
    container_id: work.containerId,
    ...nameOf(work),
    statistics,
    status: { container_id: { value: work.containerId } },
  }));
