// Owns the paths under which Mesos's tools find the sandbox of a task: those of its agents, made of ids. They name nothing on
// a disk; the agent is asked over the bus, for a path within the sandbox.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, TaskId, type TaskRef } from '@parley/protocol/ids';
import { ownIdOf } from '../mesos/foreign-id.ts';
import { frameworkOfMesosId, mesosFrameworkId } from '../read-model/mesos-ids.ts';

export type SandboxPath = {
  readonly agentId: AgentId;
  readonly task: TaskRef;
  /** Within the sandbox; empty: the sandbox itself. */
  readonly inside: string;
};

/** As on the pages of an agent. A task has a sandbox of its own, also where it has an executor with others. */
export const sandboxDirectory = (agentId: AgentId, task: TaskRef): string =>
  `/slaves/${agentId}/frameworks/${mesosFrameworkId(task)}/executors/${task.taskId}/runs/latest`;

const PATH =
  /^\/?slaves\/([^/]+)\/frameworks\/([^/]+)\/executors\/([^/]+)\/runs\/[^/]+(?:\/tasks\/([^/]+))?(?:\/(.*))?$/s;

/** Fails with `unknownFile`: no task has such a path. */
export function readSandboxPath(text: string): Outcome<SandboxPath> {
  const [, agent, framework, executor, named, inside = ''] = PATH.exec(text) ?? [];
  const agentId = AgentId.safeParse(agent);
  const ref = frameworkOfMesosId(framework ?? '');
  const taskId = TaskId.safeParse(ownTaskId(named ?? executor ?? ''));
  if (!agentId.success || ref === undefined || !taskId.success || isOutside(inside)) {
    return fail(
      'unknownFile',
      'No such path: that of a sandbox is /slaves/AGENT/frameworks/FRAMEWORK/executors/TASK/runs/latest',
    );
  }
  const task = { ...ref, taskId: taskId.data };
  return succeed({ agentId: agentId.data, task, inside: inside.replace(/\/+$/, '') });
}

/** Ours, as the pages of agents have it; or the one that its framework chose. */
const ownTaskId = (text: string): string =>
  TaskId.safeParse(text).success || text === '' ? text : ownIdOf(text);

/** The agent follows no link and looks at no parent; what is asked so is refused here already. */
const isOutside = (inside: string): boolean =>
  inside.includes('\0') || inside.split('/').some((part) => part === '..' || part === '.');
