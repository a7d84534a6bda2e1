// Owns which lines are about what somebody asks for. Everything that is asked for must hold.
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { ReplayLine, ReplayPart } from '@parley/protocol/replay';

export type LineFilter = {
  readonly framework?: FrameworkRef | undefined;
  readonly agent?: AgentId | undefined;
  readonly task?: TaskRef | undefined;
  readonly parts?: readonly ReplayPart[] | undefined;
  /** `accept`, `offerMade` ... */
  readonly kinds?: readonly string[] | undefined;
};

export function isAbout(line: ReplayLine, filter: LineFilter): boolean {
  const { framework, agent, task, parts, kinds } = filter;
  if (parts !== undefined && !parts.includes(line.part)) return false;
  if (kinds !== undefined && !kinds.includes(line.kind)) return false;
  if (agent !== undefined && !line.agents.includes(agent)) return false;
  if (task !== undefined && !namesTask(line, task)) return false;
  return framework === undefined || namesFramework(line, framework);
}

export function namesTask({ tasks }: Pick<ReplayLine, 'tasks'>, task: TaskRef): boolean {
  const key = taskKey(task);
  return tasks.some((one) => taskKey(one) === key);
}

function namesFramework(
  { frameworks, tasks }: Pick<ReplayLine, 'frameworks' | 'tasks'>,
  framework: FrameworkRef,
): boolean {
  const key = frameworkKey(framework);
  return [...frameworks, ...tasks].some((one) => frameworkKey(one) === key);
}
