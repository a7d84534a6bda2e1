// Owns what people see of a cluster at one moment: rows by their keys, with the sums that follow from them. It is made from a
// state (view-of-state.ts) or from an earlier view and the events since (apply.ts), and asked by query.ts. Runs in a browser.
import type { TaskState } from '@parley/protocol/tasks';
import type { FrameworkDeeds } from './framework-deeds.ts';
import { RowMap } from './row-map.ts';

/** In thousandths of the resource's unit, by name of the scalar; nothing that is zero. */
export type Amounts = Readonly<Record<string, number>>;

/** Which event of the journal came last: the state after it is what is seen. */
export type Moment = {
  readonly sequence: number;
  readonly index: number;
  /** Core time: milliseconds since the cluster's books began, counted while it is led. */
  readonly coreTimeMs: number;
};

export type AgentRow = {
  readonly agentId: string;
  readonly hostname: string;
  readonly state: 'registered' | 'unreachable';
  /** Other than active: nothing is offered of it, because an operator wants so. Maintenance windows are not looked at. */
  readonly condition: 'active' | 'deactivated' | 'draining';
  readonly total: Amounts;
  readonly allocated: Amounts;
  readonly offered: Amounts;
  /** Live ones. */
  readonly tasks: number;
};

export type FrameworkRow = {
  readonly principal: string;
  readonly frameworkId: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** Removed: it was torn down, or did not come back in time. */
  readonly state: 'subscribed' | 'disconnected' | 'removed';
  readonly allocated: Amounts;
  readonly offers: number;
  /** Live ones, by state; and how many ended since this view was begun, by how. */
  readonly tasks: Readonly<Partial<Record<TaskState, number>>>;
  /** In core time, once it held its fair share or all that it wanted. */
  readonly rampUpMs?: number;
  /** Core time of its first subscription. */
  readonly submittedAtMs?: number;
  /** Of one that is removed, from its first subscription to the last news of a task of it, in core time. */
  readonly completionMs?: number;
  /** Since the view was begun; absent where nothing happened. */
  readonly deeds?: FrameworkDeeds;
};

export type TaskRow = {
  readonly principal: string;
  readonly frameworkId: string;
  readonly taskId: string;
  readonly name: string;
  readonly agentId: string;
  readonly state: TaskState;
  readonly resources: Amounts;
  readonly reason?: string;
  readonly message?: string;
  /** Core time. Absent where the view was begun after it. */
  readonly launchedAtMs?: number;
  readonly changedAtMs?: number;
};

export type OfferRow = {
  readonly offerId: string;
  readonly principal: string;
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  readonly resources: Amounts;
  /** Core time. */
  readonly madeAtMs: number;
  /** Absent while it is outstanding. */
  readonly outcome?: string;
  readonly endedAtMs?: number;
};

/** A live executor holds resources beside those of its tasks. */
export type ExecutorRow = {
  readonly principal: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly agentId: string;
  readonly resources: Amounts;
};

/** What operators set for a role, in thousandths; there is none where all is as by default. */
export type RoleSettingRow = {
  readonly role: string;
  readonly weight: number;
  readonly guarantee: Amounts;
  readonly limit: Amounts;
};
export const DEFAULT_ROLE_WEIGHT = 1000;

export type View = {
  moment: Moment;
  leader: string | undefined;
  /** Sums over registered agents. */
  total: Amounts;
  allocated: Amounts;
  offered: Amounts;
  readonly agents: RowMap<AgentRow>;
  readonly frameworks: RowMap<FrameworkRow>;
  /** Live ones. */
  readonly tasks: RowMap<TaskRow>;
  readonly executors: RowMap<ExecutorRow>;
  /** Outstanding ones. */
  readonly offers: RowMap<OfferRow>;
  /** Those that ended last, the oldest first, at most `MAX_ENDED`. */
  readonly endedTasks: RowMap<TaskRow>;
  readonly endedOffers: RowMap<OfferRow>;
  /** Likewise, at most `MAX_ENDED_FRAMEWORKS`. */
  readonly endedFrameworks: RowMap<FrameworkRow>;
  readonly roleSettings: RowMap<RoleSettingRow>;
};

const MAX_ENDED = 5000;
export const MAX_ENDED_FRAMEWORKS = 500;

export const emptyView = (): View => ({
  moment: { sequence: 0, index: 0, coreTimeMs: 0 },
  leader: undefined,
  total: {},
  allocated: {},
  offered: {},
  agents: new RowMap(),
  frameworks: new RowMap(),
  tasks: new RowMap(),
  executors: new RowMap(),
  offers: new RowMap(),
  endedTasks: new RowMap(),
  endedOffers: new RowMap(),
  endedFrameworks: new RowMap(),
  roleSettings: new RowMap(),
});

/** `sign` -1 takes away. */
export function plus(sum: Amounts, more: Amounts, sign: 1 | -1 = 1): Amounts {
  const result: Record<string, number> = { ...sum };
  for (const [name, amount] of Object.entries(more)) {
    const next = (result[name] ?? 0) + sign * amount;
    if (next === 0) delete result[name];
    else result[name] = next;
  }
  return result;
}

/** Puts it last, and forgets the oldest beyond so many. */
export function putBounded<Row extends object>(
  rows: RowMap<Row>,
  key: string,
  row: Row,
  most = MAX_ENDED,
): void {
  rows.delete(key);
  rows.set(key, row);
  for (const oldest of rows.keys()) {
    if (rows.size <= most) break;
    rows.delete(oldest);
  }
}
