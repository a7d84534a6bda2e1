// Owns the plain form of a view that a page is sent and an exported window begins with: rows in their order, without the maps.
// Pure; runs in a browser.
import { executorRowKey } from './apply.ts';
import { RowMap } from './row-map.ts';
import type {
  AgentRow,
  ExecutorRow,
  FrameworkRow,
  OfferRow,
  RoleSettingRow,
  TaskRow,
  View,
} from './view.ts';

export type ViewJson = Pick<View, 'moment' | 'total' | 'allocated' | 'offered'> & {
  readonly leader?: string;
  readonly agents: readonly AgentRow[];
  readonly frameworks: readonly FrameworkRow[];
  readonly tasks: readonly TaskRow[];
  readonly executors: readonly ExecutorRow[];
  readonly offers: readonly OfferRow[];
  readonly endedTasks: readonly TaskRow[];
  readonly endedOffers: readonly OfferRow[];
  /** Absent in windows of before they were kept. */
  readonly endedFrameworks?: readonly FrameworkRow[];
  /** Likewise. */
  readonly roleSettings?: readonly RoleSettingRow[];
};

export function toJson(view: View): ViewJson {
  const { moment, leader, total, allocated, offered } = view;
  return {
    ...{ moment, total, allocated, offered, ...(leader !== undefined && { leader }) },
    agents: [...view.agents.values()],
    frameworks: [...view.frameworks.values()],
    tasks: [...view.tasks.values()],
    executors: [...view.executors.values()],
    offers: [...view.offers.values()],
    endedTasks: [...view.endedTasks.values()],
    endedOffers: [...view.endedOffers.values()],
    endedFrameworks: [...view.endedFrameworks.values()],
    roleSettings: [...view.roleSettings.values()],
  };
}

/** The same view again: `apply` goes on from it. */
export function fromJson({ leader, ...json }: ViewJson): View {
  return {
    ...{ moment: json.moment, leader },
    ...{ total: json.total, allocated: json.allocated, offered: json.offered },
    agents: byKey(json.agents, ({ agentId }) => agentId),
    frameworks: byKey(json.frameworks, frameworkRowKey),
    tasks: byKey(json.tasks, taskRowKey),
    executors: byKey(json.executors, executorRowKey),
    offers: byKey(json.offers, ({ offerId }) => offerId),
    endedTasks: byKey(json.endedTasks, taskRowKey),
    endedOffers: byKey(json.endedOffers, ({ offerId }) => offerId),
    endedFrameworks: byKey(json.endedFrameworks ?? [], frameworkRowKey),
    roleSettings: byKey(json.roleSettings ?? [], ({ role }) => role),
  };
}

const frameworkRowKey = ({
  principal,
  frameworkId,
}: Pick<FrameworkRow, 'principal' | 'frameworkId'>): string => `${principal}/${frameworkId}`;
const taskRowKey = (row: TaskRow): string => `${frameworkRowKey(row)}/${row.taskId}`;

function byKey<Row extends object>(rows: readonly Row[], keyOf: (row: Row) => string): RowMap<Row> {
  const map = new RowMap<Row>();
  for (const row of rows) map.set(keyOf(row), row);
  return map;
}
