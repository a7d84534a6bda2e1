// Owns `task list`, `agent list` and `framework list`: tables out of the followed state.

import type { Followed } from '@parley/operator-sdk/operator-link';
import { agentTable } from '../agent-table.ts';
import { describeRoles, describeTasks, formatPercent } from '../cluster-summary.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printPage, printTable } from '../print.ts';
import { summarise } from '../summarise.ts';
import { listTasks } from '../task-table.ts';
import { currentContext } from './context.ts';

async function readCluster(
  surroundings: Surroundings,
  named: string | undefined,
): Promise<Followed> {
  const context = await currentContext(surroundings, named);
  return withOperator(context, (link) => link.load());
}

export async function taskListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  how: { readonly all: boolean; readonly json: boolean },
): Promise<void> {
  const { state } = await readCluster(surroundings, named);
  const tasks = listTasks(state, how.all);
  if (how.json) printJson(tasks);
  else
    printTable(
      ['task', 'state', 'agent', 'cpus', 'memory', 'reason', 'cause'],
      tasks.map(({ task, state: now, agent, cpus, memory, isRevocable, reason, cause }) => ({
        ...{ task, state: now, agent, memory, reason, cause: cause?.kind ?? '' },
        cpus: isRevocable ? `${cpus} (revocable)` : cpus,
      })),
    );
}

export async function agentListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const { agents } = summarise(await readCluster(surroundings, named));
  if (json) {
    printJson(agents);
    return;
  }
  printPage(agentTable(agents));
}

export async function frameworkListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const { frameworks } = summarise(await readCluster(surroundings, named));
  if (json) {
    printJson(frameworks);
    return;
  }
  const rows = frameworks.map((framework) => ({
    framework: `${framework.principal}/${framework.frameworkId}`,
    name: framework.name,
    roles: describeRoles(framework),
    state: framework.state,
    share: formatPercent(framework.dominantShare.share),
    offers: framework.outstandingOffers,
    tasks: describeTasks(framework.tasks),
  }));
  printTable(['framework', 'name', 'roles', 'state', 'share', 'offers', 'tasks'], rows);
}
