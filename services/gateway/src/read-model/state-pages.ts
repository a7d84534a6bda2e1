// Owns the large pages that Mesos's tools poll: /state, /state-summary, /slaves and /frameworks, as JSON. Agents come out of
// what was made before (agent-texts.ts), and so do tasks, whose records are replaced when they change.

import { RELEASE_VERSION } from '@parley/actor/release';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type {
  AgentRecord,
  EndedTaskRecord,
  FrameworkRecord,
  TaskRecord,
  TombstoneRecord,
} from '@parley/cluster/records';
import { type FrameworkKey, frameworkKey } from '@parley/protocol/ids';
import { MESOS_VERSION } from '../operator/mesos-version.ts';
import { addressOf, agentSummary, isActive, isAwaited, isRegistered } from './agent-model.ts';
import type { AgentTexts } from './agent-texts.ts';
import {
  completedFrameworkPage,
  completedFrameworks,
  frameworkPage,
  frameworkSummary,
  type Held,
  heldBy,
  isThere,
} from './framework-model.ts';
import { leaderId } from './master-info.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import { sumsOf } from './mesos-resources.ts';
import { MESOS_TASK_STATES, mesosTaskState } from './mesos-words.ts';
import type { Model } from './model.ts';
import { objectText, type PageText, withFields } from './page-text.ts';
import { partsOfOffers, partsUsedBy } from './parts.ts';
import { type AnyTask, executorPage, taskPage } from './task-model.ts';

/** Reservations that a task's volumes are of may change under it; their sizes do not. */
const taskTexts = new WeakMap<AnyTask, string>();

function taskText(state: ClusterState, task: AnyTask): string {
  const known = taskTexts.get(task);
  if (known !== undefined) return known;
  const text = JSON.stringify(taskPage(state, task));
  taskTexts.set(task, text);
  return text;
}

/** Tasks that are made JSON of without a pause. */
export const TASKS_AT_ONCE = 500;

/** Makes what is to be made of tasks in pieces, so that little is left for the pages. */
export async function prepareTasks(
  state: () => ClusterState,
  pause: () => Promise<void>,
): Promise<void> {
  let made = 0;
  for (const table of ['tasks', 'ended'] as const) {
    for (const key of [...state()[table].keys()]) {
      const task = state()[table].get(key);
      if (task === undefined || taskTexts.has(task)) continue;
      taskText(state(), task);
      made += 1;
      if (made % TASKS_AT_ONCE === 0) await pause();
    }
  }
}

/** /slaves; only that one where an id is given. */
export function slavesText(model: Model, texts: AgentTexts, only?: string): PageText {
  const chosen = [...model.state.agents.rows()].filter(
    ({ agentId }) => only === undefined || agentId === only,
  );
  return objectText(
    {},
    {
      slaves: chosen.filter(isRegistered).map((agent) => texts.of(model, agent)),
      recovered_slaves: awaitedTexts(chosen),
    },
  );
}

const awaitedTexts = (agents: readonly AgentRecord[]): string[] =>
  agents
    .filter(isAwaited)
    .map(({ agentId, hostname }) => JSON.stringify({ id: agentId, hostname }));

/** /frameworks; only that one where an id is given. */
export function frameworksText(model: Model, only?: string): PageText {
  return objectText({}, frameworkLists(model, only));
}

/** What there is is noted at once; the texts are made while they are asked for, of what was noted. */
function frameworkLists(model: Model, only?: string) {
  const isChosen = ({ framework }: Pick<FrameworkRecord, 'framework'>): boolean =>
    only === undefined || mesosFrameworkId(framework) === only;
  const ended = Map.groupBy(model.state.ended.rows(), ({ task }) => frameworkKey(task));
  const frameworks = [...model.state.frameworks.rows()]
    .filter((framework) => isThere(framework) && isChosen(framework))
    .map((framework) => ({ framework, held: heldBy(model, framework) }));
  const completed = completedFrameworks(model).filter(isChosen);
  return {
    frameworks: lazily(frameworks, (noted) => frameworkText(model, noted, ended)),
    completed_frameworks: lazily(completed, (noted) => completedText(model, noted, ended)),
    unregistered_frameworks: [],
  };
}

function* lazily<Noted>(all: readonly Noted[], show: (noted: Noted) => PageText) {
  for (const noted of all) yield show(noted);
}

function* taskTextsOf(state: ClusterState, tasks: readonly AnyTask[]): Generator<string> {
  for (const task of tasks) yield taskText(state, task);
}

type Ended = ReadonlyMap<FrameworkKey, readonly EndedTaskRecord[]>;

function frameworkText(
  model: Model,
  { framework, held }: { readonly framework: FrameworkRecord; readonly held: Held },
  ended: Ended,
): PageText {
  const { state } = model;
  const isAway = ({ state: of }: TaskRecord): boolean => of === 'unreachable';
  return objectText(frameworkPage(model, framework, held), {
    tasks: taskTextsOf(
      state,
      held.tasks.filter((task) => !isAway(task)),
    ),
    unreachable_tasks: taskTextsOf(state, held.tasks.filter(isAway)),
    completed_tasks: taskTextsOf(state, ended.get(frameworkKey(framework.framework)) ?? []),
    executors: held.executors.map((executor) => JSON.stringify(executorPage(executor))),
  });
}

function completedText(model: Model, tombstone: TombstoneRecord, ended: Ended): PageText {
  return objectText(completedFrameworkPage(model, tombstone), {
    tasks: [],
    unreachable_tasks: [],
    completed_tasks: taskTextsOf(model.state, ended.get(frameworkKey(tombstone.framework)) ?? []),
    executors: [],
  });
}

/** /state */
export function stateText(model: Model, texts: AgentTexts, flags: object): PageText {
  const agents = [...model.state.agents.rows()];
  return objectText(
    { ...headOf(model), ...countsOf(agents), flags },
    {
      slaves: agents.filter(isRegistered).map((agent) => texts.of(model, agent)),
      recovered_slaves: awaitedTexts(agents),
      ...frameworkLists(model),
      orphan_tasks: [],
    },
  );
}

/** The gateway stands for the leader: whoever looks for it shall come here again. */
function headOf({ cluster, state, place, startedMs, electedMs }: Model) {
  const id = leaderId({ state });
  const pid = `master@${addressOf(place)}`;
  return {
    version: MESOS_VERSION,
    parley_version: RELEASE_VERSION,
    start_time: startedMs / 1000,
    elected_time: electedMs / 1000,
    id,
    pid,
    hostname: place.ip,
    capabilities: ['AGENT_UPDATE', 'AGENT_DRAINING', 'QUOTA_V2'],
    cluster,
    leader: pid,
    leader_info: { id, pid, port: place.port, hostname: place.ip },
  };
}

const countsOf = (agents: readonly AgentRecord[]) => ({
  activated_slaves: agents.filter(isActive).length,
  deactivated_slaves: agents.filter((agent) => isRegistered(agent) && !isActive(agent)).length,
  unreachable_slaves: agents.filter(({ state }) => state === 'unreachable').length,
});

type Counts = Record<string, number>;
const NO_TASKS: Counts = Object.freeze(
  Object.fromEntries(MESOS_TASK_STATES.map((state) => [state, 0])),
);

type Tally = { counts: Counts; others: Set<string> };

/** Tasks by state, those that ended lately included, of each agent and of each framework; and who is where. */
function tallies(state: ClusterState) {
  const byAgent = new Map<string, Tally>();
  const byFramework = new Map<string, Tally>();
  for (const table of [state.tasks, state.ended]) {
    for (const { task, agentId, state: taskState, reason } of table.rows()) {
      const framework = mesosFrameworkId(task);
      const shown = mesosTaskState(taskState, reason);
      count(byAgent, agentId, shown, framework);
      count(byFramework, framework, shown, agentId);
    }
  }
  return { byAgent, byFramework };
}

function count(tally: Map<string, Tally>, key: string, shown: string, other: string): void {
  const one = tally.get(key) ?? { counts: { ...NO_TASKS }, others: new Set() };
  one.counts[shown] = (one.counts[shown] ?? 0) + 1;
  one.others.add(other);
  tally.set(key, one);
}

/** /state-summary. `texts`: of `agentSummary`. */
export function summaryText(model: Model, texts: AgentTexts): PageText {
  const { state, cluster, place } = model;
  const { byAgent, byFramework } = tallies(state);
  const agents = [...state.agents.rows()].filter(isRegistered);
  const frameworks = [...state.frameworks.rows()].filter(isThere);
  return objectText(
    { hostname: place.ip, cluster },
    {
      slaves: agents.map((agent) => {
        const tally = byAgent.get(agent.agentId);
        const more = { ...(tally?.counts ?? NO_TASKS), framework_ids: [...(tally?.others ?? [])] };
        return withFields(texts.of(model, agent), more);
      }),
      frameworks: frameworks.map((framework) => {
        const tally = byFramework.get(mesosFrameworkId(framework.framework));
        return JSON.stringify({
          ...frameworkSummary(framework),
          ...sumsOfFramework(state, framework),
          ...(tally?.counts ?? NO_TASKS),
          slave_ids: [...(tally?.others ?? [])],
        });
      }),
    },
  );
}

function sumsOfFramework(state: ClusterState, { framework }: FrameworkRecord) {
  const book = state.books.frameworks.get(frameworkKey(framework));
  return {
    used_resources: sumsOf(book === undefined ? [] : partsUsedBy(state, book)),
    offered_resources: sumsOf(partsOfOffers(state, book?.offers ?? [])),
  };
}

export const showSummary = (model: Model, agent: AgentRecord): object => agentSummary(model, agent);
