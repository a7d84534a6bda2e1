// Owns what Mesos's subscribers are told of what happens: each event of the cluster as theirs, in order. It knows who was
// there, since Mesos tells of coming and going only.
import type { ClusterEvent } from '@parley/cluster/events';
import { type FrameworkRef, frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { agentAnswer, isRegistered } from '../read-model/agent-model.ts';
import { frameworkAnswer, frameworkInfo, isThere } from '../read-model/framework-model.ts';
import { mesosFrameworkId, mesosTaskId } from '../read-model/mesos-ids.ts';
import { mesosReason, mesosTaskState } from '../read-model/mesos-words.ts';
import type { Model } from '../read-model/model.ts';
import { taskAnswer, taskStatus } from '../read-model/task-model.ts';

/** Mesos's Event, plain. */
export type OperatorEvent = Readonly<Record<string, unknown>> & { readonly type: string };
type EventOf<Type extends ClusterEvent['type']> = Extract<ClusterEvent, { type: Type }>;

export class OperatorEvents {
  readonly #agents: Set<string>;
  readonly #frameworks: Map<string, object>;

  /** `model`: of what subscribers know already. */
  constructor(model: Model) {
    const agents = [...model.state.agents.rows()].filter(isRegistered);
    this.#agents = new Set(agents.map(({ agentId }) => agentId));
    const frameworks = [...model.state.frameworks.rows()].filter(isThere);
    this.#frameworks = new Map(
      frameworks.map((record) => [frameworkKey(record.framework), frameworkInfo(record)]),
    );
  }

  /** `model`: after the event. */
  of(model: Model, event: ClusterEvent, wallTimeMs: number): OperatorEvent[] {
    switch (event.type) {
      case 'taskStateChanged':
        return ofTask(model, event, wallTimeMs);
      case 'agentRegistered':
        return this.#agentAdded(model, event.agentId);
      case 'agentUnreachable':
      case 'agentGone':
        return this.#agents.delete(event.agentId)
          ? [{ type: 'AGENT_REMOVED', agent_removed: { agent_id: { value: event.agentId } } }]
          : [];
      case 'frameworkSubscribed':
      case 'frameworkUpdated':
      case 'frameworkDisconnected':
        return this.#frameworkChanged(model, event.framework);
      case 'frameworkRemoved':
        return this.#frameworkRemoved(event);
      default:
        return [];
    }
  }

  #agentAdded(model: Model, agentId: string): OperatorEvent[] {
    const agent = model.state.agents.get(agentId);
    if (agent === undefined || this.#agents.has(agentId)) return [];
    this.#agents.add(agentId);
    return [{ type: 'AGENT_ADDED', agent_added: { agent: agentAnswer(model, agent) } }];
  }

  #frameworkChanged(model: Model, framework: FrameworkRef): OperatorEvent[] {
    const key = frameworkKey(framework);
    const record = model.state.frameworks.get(key);
    if (record === undefined || !isThere(record)) return [];
    const type = this.#frameworks.has(key) ? 'FRAMEWORK_UPDATED' : 'FRAMEWORK_ADDED';
    this.#frameworks.set(key, frameworkInfo(record));
    const body = { framework: frameworkAnswer(model, record) };
    return [{ type, [type.toLowerCase()]: body }];
  }

  #frameworkRemoved({ framework }: EventOf<'frameworkRemoved'>): OperatorEvent[] {
    const key = frameworkKey(framework);
    const info = this.#frameworks.get(key);
    this.#frameworks.delete(key);
    if (info === undefined) return [];
    return [{ type: 'FRAMEWORK_REMOVED', framework_removed: { framework_info: info } }];
  }
}

/** Of a task that was refused there is no record to tell as a task: only its end. */
function ofTask(
  model: Model,
  event: EventOf<'taskStateChanged'>,
  wallTimeMs: number,
): OperatorEvent[] {
  const { task: ref, to, from } = event;
  const key = taskKey(ref);
  const record = model.state.tasks.get(key) ?? model.state.ended.get(key);
  if (from === undefined && to === 'staging' && record !== undefined) {
    const task = taskAnswer(model.state, record);
    // What came after in the same entry of the journal is told by what follows.
    const added = { ...task, state: 'TASK_STAGING', status_update_state: 'TASK_STAGING' };
    return [{ type: 'TASK_ADDED', task_added: { task: added } }];
  }
  const isLatest = record?.state === to;
  const status =
    isLatest && record !== undefined
      ? taskStatus(model.state, record)
      : statusOfEvent(event, ref, wallTimeMs);
  const body = {
    framework_id: { value: mesosFrameworkId(ref) },
    status,
    state: record === undefined ? status.state : mesosTaskState(record.state, record.reason),
  };
  return [{ type: 'TASK_UPDATED', task_updated: body }];
}

function statusOfEvent(event: EventOf<'taskStateChanged'>, task: TaskRef, wallTimeMs: number) {
  const reason = mesosReason(event.reason);
  return {
    task_id: { value: mesosTaskId({ task, name: event.name }) },
    state: mesosTaskState(event.to, event.reason),
    ...(event.message !== undefined && { message: event.message }),
    ...(reason !== undefined && { reason }),
    agent_id: { value: event.agentId },
    timestamp: wallTimeMs / 1000,
  };
}
