// Owns what is answered to the reading calls of Mesos's agent that its master answers otherwise: what is on one agent, out of
// the followed books and of what the agent tells of its use.
import type { AgentRecord, FrameworkRecord, TaskRecord } from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import { agentInfo, drainConfig } from '../read-model/agent-model.ts';
import { agentFlags, agentMetrics } from '../read-model/agent-numbers.ts';
import { isDefault, type Work, workOn } from '../read-model/agent-work.ts';
import type { Seen } from '../read-model/containers-page.ts';
import { frameworkInfo } from '../read-model/framework-model.ts';
import { mesosFrameworkId, taskContainerId } from '../read-model/mesos-ids.ts';
import { mesosResources } from '../read-model/mesos-resources.ts';
import type { Model } from '../read-model/model.ts';
import { executorInfo, taskAnswer } from '../read-model/task-model.ts';

type Body = Readonly<Record<string, unknown>>;

const nameValues = (values: Readonly<Record<string, string | number>>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

/** By type of the call; the answer stands under its name in lower case. */
const ANSWERS: Readonly<Record<string, (model: Model, agent: AgentRecord) => Body>> = {
  GET_FLAGS: (_, agent) => ({ flags: nameValues(agentFlags(agent)) }),
  GET_METRICS: (model, agent) => ({ metrics: nameValues(agentMetrics(model, agent)) }),
  GET_STATE: (model, agent) => ({
    get_tasks: getTasks(model, agent),
    get_executors: getExecutors(model, agent),
    get_frameworks: getFrameworks(model, agent),
  }),
  GET_TASKS: (model, agent) => getTasks(model, agent),
  GET_EXECUTORS: (model, agent) => getExecutors(model, agent),
  GET_FRAMEWORKS: (model, agent) => getFrameworks(model, agent),
  GET_AGENT: (model, agent) => getAgent(model, agent),
  // Nothing here provides resources but agents themselves.
  GET_RESOURCE_PROVIDERS: () => ({ resource_providers: [] }),
};

/** Undefined: that is no such call. */
export function answerOfAgent(type: string, model: Model, agent: AgentRecord): Body | undefined {
  const body = Object.hasOwn(ANSWERS, type) ? ANSWERS[type]?.(model, agent) : undefined;
  return body === undefined ? undefined : { type, [type.toLowerCase()]: body };
}

function getTasks({ state }: Model, { agentId }: AgentRecord): Body {
  const live = [...(state.books.agents.get(agentId)?.tasks ?? [])]
    .map((key) => state.tasks.get(key))
    .filter((task) => task !== undefined);
  const isQueued = (task: TaskRecord): boolean => task.state === 'staging';
  const show = (tasks: readonly TaskRecord[]) => tasks.map((task) => taskAnswer(state, task));
  const ended = [...state.ended.rows()].filter((task) => task.agentId === agentId);
  return {
    queued_tasks: show(live.filter(isQueued)),
    launched_tasks: show(live.filter((task) => !isQueued(task))),
    completed_tasks: ended.map((task) => taskAnswer(state, task)),
  };
}

const getExecutors = ({ state }: Model, agent: AgentRecord): Body => ({
  executors: workOn(state, agent).map((work) => ({ executor_info: infoOf(work) })),
});

function infoOf({ executor, executorId, framework, name, parts }: Work): object {
  if (executor !== undefined) return executorInfo(executor);
  return {
    executor_id: { value: executorId },
    framework_id: { value: mesosFrameworkId(framework) },
    name,
    resources: mesosResources(parts),
  };
}

function getFrameworks({ state }: Model, agent: AgentRecord): Body {
  const found = new Map<string, FrameworkRecord>();
  for (const { framework } of workOn(state, agent)) {
    const key = frameworkKey(framework);
    const record = state.frameworks.get(key);
    if (record !== undefined) found.set(key, record);
  }
  return { frameworks: [...found.values()].map((one) => ({ framework_info: frameworkInfo(one) })) };
}

function getAgent(model: Model, agent: AgentRecord): Body {
  const drain_config = drainConfig(agent.draining?.emptying);
  return { agent_info: agentInfo(model, agent), ...(drain_config && { drain_config }) };
}

/** GET_CONTAINERS. `nestedBeside`: ids of commands that run beside the task of a container. */
export function getContainers(
  seen: readonly Seen[],
  showNested: boolean,
  nestedBeside: (container: string) => readonly string[],
): Body {
  return {
    type: 'GET_CONTAINERS',
    get_containers: {
      containers: seen.flatMap(({ work, statistics }) => [
        { ...containerOf(work, { value: work.containerId }), resource_statistics: statistics },
        ...(showNested ? nestedOf(work, nestedBeside) : []),
      ]),
    },
  };
}

function nestedOf(work: Work, beside: (container: string) => readonly string[]): object[] {
  const { containerId, tasks } = work;
  const own = { value: containerId };
  const within = isDefault(work)
    ? tasks.map(({ task }) => ({ value: taskContainerId(task), parent: own }))
    : [];
  const commands = [own, ...within].flatMap((parent) =>
    beside(parent.value).map((value) => ({ value, parent })),
  );
  return [...within, ...commands].map((id) => containerOf(work, id));
}

const containerOf = ({ framework, executorId, name }: Work, container_id: object) => ({
  framework_id: { value: mesosFrameworkId(framework) },
  executor_id: { value: executorId },
  executor_name: name,
  container_id,
  container_status: { container_id },
});
