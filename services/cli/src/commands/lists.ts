// Owns `task list`, `agent list` and `framework list`: tables out of the followed state.

import { describeTasks, formatCpus, formatMemory, formatPercent } from '../cluster-summary.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-link.ts';
import { printJson, printTable } from '../print.ts';
import { type Followed, summarise } from '../summarise.ts';
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
      ['task', 'state', 'agent', 'cpus', 'memory', 'reason'],
      tasks.map(({ exitCode: _, ended: __, ...row }) => row),
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
  const rows = agents.map(({ agentId, hostname, state, tasks, allocated, total }) => ({
    agent: agentId,
    host: hostname,
    state,
    tasks,
    cpus: `${formatCpus(allocated['cpus'] ?? 0)}/${formatCpus(total['cpus'] ?? 0)}`,
    memory: `${formatMemory(allocated['mem'] ?? 0)}/${formatMemory(total['mem'] ?? 0)}`,
  }));
  printTable(['agent', 'host', 'state', 'tasks', 'cpus', 'memory'], rows);
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
    role: framework.role,
    state: framework.state,
    share: formatPercent(framework.dominantShare.share),
    tasks: describeTasks(framework.tasks),
  }));
  printTable(['framework', 'name', 'role', 'state', 'share', 'tasks'], rows);
}
