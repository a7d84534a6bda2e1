// Owns what is answered to the reading calls of Mesos's operator interface: plain objects with the names of its messages,
// out of the followed books.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { GatewayConfig } from '../config.ts';
import { agentAnswer, agentInfo, isAwaited, isRegistered } from '../read-model/agent-model.ts';
import { flagsOf } from '../read-model/flags-page.ts';
import {
  completedFrameworkAnswer,
  completedFrameworks,
  frameworkAnswer,
  isThere,
} from '../read-model/framework-model.ts';
import { masterInfo } from '../read-model/master-info.ts';
import { metricsOf } from '../read-model/metrics-page.ts';
import type { Model } from '../read-model/model.ts';
import {
  maintenanceSchedule,
  maintenanceStatus,
  quotaStatus,
  rolesAnswer,
  weights,
} from '../read-model/role-model.ts';
import { executorInfo, taskAnswer } from '../read-model/task-model.ts';
import { MESOS_VERSION } from './mesos-version.ts';

type Body = Readonly<Record<string, unknown>>;

export type Asked = {
  readonly model: Model;
  readonly config: Pick<GatewayConfig, 'usersFile'>;
  readonly nowWallMs: number;
  /** 0: as always. */
  readonly loggingLevel: number;
};

type Answerer = (asked: Asked) => Body | undefined;

/** By type of the call; the answer stands under its name in lower case. */
const ANSWERS: Readonly<Record<string, Answerer>> = {
  GET_HEALTH: () => ({ healthy: true }),
  GET_VERSION: () => ({ version_info: { version: MESOS_VERSION } }),
  GET_FLAGS: ({ model, config }) => ({
    flags: Object.entries(flagsOf(model, config)).map(([name, value]) => ({ name, value })),
  }),
  GET_METRICS: ({ model, nowWallMs }) => ({
    metrics: Object.entries(metricsOf(model, nowWallMs)).map(([name, value]) => ({ name, value })),
  }),
  GET_LOGGING_LEVEL: ({ loggingLevel }) => ({ level: loggingLevel }),
  GET_STATE: ({ model }) => getState(model),
  GET_AGENTS: ({ model }) => getAgents(model),
  GET_FRAMEWORKS: ({ model }) => getFrameworks(model),
  GET_EXECUTORS: ({ model }) => getExecutors(model),
  GET_TASKS: ({ model }) => getTasks(model.state),
  // Reservations and volumes are changed at once here: none is ever under way.
  GET_OPERATIONS: () => ({ operations: [] }),
  GET_ROLES: ({ model }) => rolesAnswer(model),
  GET_WEIGHTS: ({ model }) => ({ weight_infos: weights(model) }),
  GET_MASTER: ({ model }) => getMaster(model),
  GET_QUOTA: ({ model }) => ({ status: quotaStatus(model) }),
  GET_MAINTENANCE_STATUS: ({ model }) => ({ status: maintenanceStatus(model) }),
  GET_MAINTENANCE_SCHEDULE: ({ model }) => ({ schedule: maintenanceSchedule(model) }),
};

/** Undefined: that is no reading call. */
export function answerTo(type: string, asked: Asked): Body | undefined {
  const body = Object.hasOwn(ANSWERS, type) ? ANSWERS[type]?.(asked) : undefined;
  return body === undefined ? undefined : { type, [type.toLowerCase()]: body };
}

export const getState = (model: Model): Body => ({
  get_tasks: getTasks(model.state),
  get_executors: getExecutors(model),
  get_frameworks: getFrameworks(model),
  get_agents: getAgents(model),
});

function getAgents(model: Model): Body {
  const agents = [...model.state.agents.rows()];
  return {
    agents: agents.filter(isRegistered).map((agent) => agentAnswer(model, agent)),
    recovered_agents: agents.filter(isAwaited).map((agent) => agentInfo(model, agent)),
  };
}

const getFrameworks = (model: Model): Body => ({
  frameworks: [...model.state.frameworks.rows()]
    .filter(isThere)
    .map((framework) => frameworkAnswer(model, framework)),
  completed_frameworks: completedFrameworks(model).map((tombstone) =>
    completedFrameworkAnswer(model, tombstone),
  ),
});

const getExecutors = ({ state }: Model): Body => ({
  executors: [...state.executors.rows()].map((executor) => ({
    executor_info: executorInfo(executor),
    agent_id: { value: executor.agentId },
  })),
});

function getTasks(state: ClusterState): Body {
  const live = [...state.tasks.rows()];
  const isAway = (task: (typeof live)[number]): boolean => task.state === 'unreachable';
  return {
    tasks: live.filter((task) => !isAway(task)).map((task) => taskAnswer(state, task)),
    unreachable_tasks: live.filter(isAway).map((task) => taskAnswer(state, task)),
    completed_tasks: [...state.ended.rows()].map((task) => taskAnswer(state, task)),
  };
}

function getMaster(model: Model): Body {
  const { startedMs, electedMs } = model;
  return {
    master_info: masterInfo(model),
    start_time: startedMs / 1000,
    elected_time: electedMs / 1000,
  };
}
