// Owns the sums of a view: what tasks, executors and offers take of their agents and stand for of their frameworks, more or
// less. Both ways of making a view use it. Pure; runs in a browser.
import { isTerminalState } from '@parley/protocol/terminal-states';
import {
  type AgentRow,
  type Amounts,
  type FrameworkRow,
  type OfferRow,
  plus,
  type TaskRow,
  type View,
} from './view.ts';

export type Holding = {
  readonly principal: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly resources: Amounts;
};

/** Of a task or an executor. */
export function hold(view: View, holding: Holding, sign: 1 | -1): void {
  take(view, holding, 'allocated', sign);
  changeFramework(view, holding, ({ allocated }) => ({
    allocated: plus(allocated, holding.resources, sign),
  }));
}

export function offer(view: View, row: OfferRow, sign: 1 | -1): void {
  take(view, row, 'offered', sign);
  changeFramework(view, row, ({ offers }) => ({ offers: offers + sign }));
}

/** In its agent's number of tasks and in its framework's numbers by state; `before`: as it was counted last. */
export function countTask(view: View, row: TaskRow, before: TaskRow | undefined): void {
  const more = Number(!isTerminalState(row.state)) - Number(before !== undefined);
  if (more !== 0) changeAgent(view, row, ({ tasks }) => ({ tasks: tasks + more }));
  changeFramework(view, row, (framework) => {
    const tasks: Record<string, number> = { ...framework.tasks };
    if (before !== undefined) step(tasks, before.state, -1);
    step(tasks, row.state, 1);
    return { tasks };
  });
}

function take(view: View, holding: Holding, what: 'allocated' | 'offered', sign: 1 | -1): void {
  const { resources } = holding;
  const agent = changeAgent(view, holding, (row) => ({ [what]: plus(row[what], resources, sign) }));
  if (agent?.state === 'registered') view[what] = plus(view[what], resources, sign);
}

function changeAgent(
  view: View,
  { agentId }: Pick<Holding, 'agentId'>,
  change: (agent: AgentRow) => Partial<AgentRow>,
): AgentRow | undefined {
  const agent = view.agents.get(agentId);
  if (agent !== undefined) view.agents.set(agentId, { ...agent, ...change(agent) });
  return agent;
}

function changeFramework(
  view: View,
  { principal, frameworkId }: Pick<Holding, 'principal' | 'frameworkId'>,
  change: (framework: FrameworkRow) => Partial<FrameworkRow>,
): void {
  const key = `${principal}/${frameworkId}`;
  const framework = view.frameworks.get(key);
  if (framework !== undefined) view.frameworks.set(key, { ...framework, ...change(framework) });
}

function step(counts: Record<string, number>, name: string, by: 1 | -1): void {
  const next = (counts[name] ?? 0) + by;
  if (next === 0) delete counts[name];
  else counts[name] = next;
}
