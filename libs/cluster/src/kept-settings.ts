// Owns what of the state is kept beside the books, since neither agents nor frameworks could tell it again, and putting
// it back into books that were lost. Where it is kept and when it is written is the master's (settings-mirror.ts).
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { openCard } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { Effect } from './effects.ts';
import { rememberGone } from './gone-agents.ts';
import { type Input, KEPT_TABLES, type KeptSetting, type Rebuilding } from './inputs.ts';
import { MAX_FRAMEWORKS } from './limits.ts';
import { putWindow } from './maintenance-book.ts';
import type { MaintenanceRecord } from './maintenance-records.ts';
import type {
  AgentRecord,
  FrameworkRecord,
  FrameworkSettingsRecord,
  ReservationRecord,
  RoleSettingsRecord,
  TombstoneRecord,
} from './records.ts';
import { reservationKey } from './reservation-books.ts';
import { maxAgents } from './rules.ts';
import { sharesOf } from './shares.ts';
import { bury } from './tombstones.ts';
import type { Turn } from './turn.ts';

/** Of an agent: what an operator decided about it, and what it is called until it is there again. */
type KeptAgent = Pick<
  AgentRecord,
  'agentId' | 'hostname' | 'total' | 'domain' | 'attributes' | 'isDeactivated' | 'draining'
> & { readonly isGone?: true };
/** Of a framework: how long its tasks wait for it, and in which roles. */
type KeptFramework = Pick<
  FrameworkRecord,
  'framework' | 'name' | 'roles' | 'failoverTimeoutMs' | 'takesRevocable'
>;

type KeptWindow = Omit<MaintenanceRecord, 'dueAtMs' | 'state'>;

/** One thing that is kept: all records about it are kept together. */
export type KeptThing = `${'agent' | 'role' | 'framework' | 'window'} ${string}`;

const aboutAgent = (agentId: AgentId): KeptThing => `agent ${agentId}`;

/** Everything of which something is kept. */
export function* keptThings(state: ClusterState): Generator<KeptThing> {
  for (const { agentId } of state.agents.rows()) yield aboutAgent(agentId);
  for (const { role } of state.roleSettings.rows()) yield `role ${role}`;
  const frameworks = [state.frameworks, state.frameworkSettings, state.tombstones];
  const keys = new Set(frameworks.flatMap((table) => [...table.keys()]));
  for (const key of keys) yield `framework ${key}`;
  for (const windowId of state.maintenance.keys()) yield `window ${windowId}`;
}

/** What these effects may have changed of what is kept. */
export function* keptChanges(effects: readonly Effect[]): Generator<KeptThing> {
  for (const effect of effects) {
    if (effect.kind !== 'event') continue;
    const { event } = effect;
    switch (event.type) {
      case 'agentRegistered':
      case 'agentGone':
      case 'agentDeactivated':
      case 'agentDraining':
      case 'agentReactivated':
      case 'reservationChanged':
        yield aboutAgent(event.agentId);
        break;
      case 'roleSharesChanged':
        yield `role ${event.role}`;
        break;
      case 'frameworkSharesChanged':
      case 'frameworkSubscribed':
      case 'frameworkUpdated':
      case 'frameworkRemoved':
        yield `framework ${frameworkKey(event.framework)}`;
        break;
      case 'maintenanceChanged':
        yield `window ${event.windowId}`;
        break;
      default:
        break;
    }
  }
}

/** What is to be kept of it now; nothing when it is no more. */
export function keptRecords(state: ClusterState, thing: KeptThing): KeptSetting[] {
  const space = thing.indexOf(' ');
  const key = thing.slice(space + 1);
  if (thing.startsWith('agent ')) return ofAgent(state, key);
  if (thing.startsWith('role ')) return one('roleSettings', key, state.roleSettings.get(key));
  if (thing.startsWith('window ')) return one('maintenance', key, keptWindow(state, key));
  const framework = state.frameworks.get(key);
  return [
    ...one(
      'frameworks',
      key,
      framework && framework.state !== 'removed' && keptFramework(framework),
    ),
    ...one('frameworkSettings', key, state.frameworkSettings.get(key)),
    ...one('tombstones', key, state.tombstones.get(key)),
  ];
}

function ofAgent(state: ClusterState, key: string): KeptSetting[] {
  const agent = state.agents.get(key);
  if (agent === undefined) return [];
  const reservations = [...(state.books.agents.get(agent.agentId)?.reservations ?? [])].sort();
  return [
    ...one('agents', key, keptAgent(agent)),
    ...reservations.flatMap((name) => one('reservations', name, state.reservations.get(name))),
  ];
}

function one(
  table: KeptSetting['table'],
  key: string,
  record: object | false | undefined,
): KeptSetting[] {
  return record === undefined || record === false ? [] : [{ table, key, record }];
}

function keptAgent(agent: AgentRecord): KeptAgent {
  const { agentId, hostname, total, domain, attributes, isDeactivated, draining, state } = agent;
  return {
    agentId,
    hostname,
    total,
    ...(domain !== undefined && { domain }),
    attributes,
    isDeactivated,
    ...(draining !== undefined && { draining }),
    ...(state === 'gone' && { isGone: true }),
  };
}

/** How far it has come shows from the time. */
function keptWindow(state: ClusterState, key: string): KeptWindow | undefined {
  const record = state.maintenance.get(key);
  if (record === undefined) return undefined;
  const { dueAtMs: _, state: __, ...window } = record;
  return window;
}

function keptFramework(record: FrameworkRecord): KeptFramework {
  const { framework, name, roles, failoverTimeoutMs, takesRevocable } = record;
  return {
    framework,
    name,
    roles,
    failoverTimeoutMs,
    ...(takesRevocable === true && { takesRevocable }),
  };
}

/** In the order in which they can be put back. */
export function inOrder(items: readonly KeptSetting[]): KeptSetting[] {
  return KEPT_TABLES.flatMap((table) => items.filter((item) => item.table === table));
}

/** The books of before are lost. */
export function beginRebuilding({ state, context }: Turn, why: Rebuilding): void {
  const { sequence, wallTimeMs, coreTimeMs: atMs } = context;
  const counts = { agents: 0, tasks: 0, executors: 0 };
  state.change({ rebuilt: { ...why, sequence, wallTimeMs, atMs, isRestored: false, ...counts } });
}

/** Sessions of frameworks go on above all that were ever given, since there were fewer than seconds. */
export const sessionFloor = ({ record: { rebuilt } }: ClusterState): number =>
  rebuilt === undefined ? 0 : Math.max(0, Math.floor(rebuilt.wallTimeMs / 1000));

/** Likewise the ids of their events, and the numbers of the leader's updates of a task: fewer than milliseconds. */
export const numberFloor = ({ record: { rebuilt } }: ClusterState): number =>
  rebuilt === undefined ? 0 : Math.max(0, rebuilt.wallTimeMs);

/** A part that comes twice, because a leader died over it, changes nothing; what is known already is newer. */
export function restoreSettings(
  turn: Turn,
  { items, isLast }: Extract<Input, { kind: 'settingsRestored' }>,
): void {
  const { state } = turn;
  const { rebuilt } = state.record;
  if (rebuilt === undefined || rebuilt.isRestored) return;
  for (const item of items) restoreOne(turn, item);
  if (isLast) state.change({ rebuilt: { ...rebuilt, isRestored: true } });
}

/** The records are those that a leader of this cluster has kept; each table's have one shape. */
function restoreOne(turn: Turn, { table, key, record }: KeptSetting): void {
  switch (table) {
    case 'agents':
      restoreAgent(turn, record as KeptAgent);
      break;
    case 'reservations':
      restoreReservation(turn, record as ReservationRecord);
      break;
    case 'roleSettings':
      restoreRole(turn, record as RoleSettingsRecord);
      break;
    case 'frameworks':
      restoreFramework(turn, record as KeptFramework);
      break;
    case 'frameworkSettings':
      restoreFrameworkSettings(turn, key, record as FrameworkSettingsRecord);
      break;
    case 'tombstones':
      restoreTombstone(turn, record as TombstoneRecord);
      break;
    case 'maintenance':
      restoreWindow(turn, record as KeptWindow);
      break;
    default:
      unreachable(table);
  }
}

/** Away until it registers; then it tells what it has. */
function restoreAgent({ state, context }: Turn, { isGone, ...kept }: KeptAgent): void {
  const { agentId } = kept;
  if (state.agents.has(agentId) || state.agents.size >= maxAgents(state)) return;
  const away = {
    ...kept,
    registration: 0,
    isOvercommitted: false,
  };
  const record: AgentRecord =
    isGone === true
      ? { ...away, state: 'gone', goneAtMs: context.coreTimeMs }
      : {
          ...away,
          state: 'unreachable',
          isRecovering: true,
          unreachableSinceMs: context.wallTimeMs,
        };
  state.agents.put(agentId, record);
  state.books.agentChanged(undefined, record);
  if (isGone === true) rememberGone(state, record);
}

function restoreReservation({ state }: Turn, record: ReservationRecord): void {
  const key = reservationKey(record.agentId, record);
  if (!state.agents.has(record.agentId) || state.reservations.has(key)) return;
  state.reservations.put(key, record);
  state.books.reservationChanged(undefined, record);
}

function restoreRole({ state }: Turn, record: RoleSettingsRecord): void {
  if (state.roleSettings.has(record.role)) return;
  state.roleSettings.put(record.role, record);
  state.marks.role(record.role);
}

/** Its scheduler is away, until it subscribes: from now on for its failover timeout. */
function restoreFramework({ state, context }: Turn, kept: KeptFramework): void {
  const key = frameworkKey(kept.framework);
  if (state.frameworks.has(key) || state.frameworks.size >= MAX_FRAMEWORKS) return;
  const failoverAtMs = context.coreTimeMs + kept.failoverTimeoutMs;
  const record: FrameworkRecord = {
    ...kept,
    state: 'disconnected',
    session: sessionFloor(state),
    lastNumber: 0,
    confirmedNumber: 0,
    expiryStrikes: 0,
    lastEventId: numberFloor(state),
    droppedEvents: 0,
    failoverAtMs,
    subscribedAtMs: context.coreTimeMs,
  };
  state.books.frameworkChanged(undefined, record);
  state.frameworks.put(key, record);
  state.deadlines.set(deadlineKey('framework', key), failoverAtMs);
  openCard(state, kept.framework);
  state.marks.framework(kept.framework);
}

function restoreFrameworkSettings(
  { state }: Turn,
  key: string,
  record: FrameworkSettingsRecord,
): void {
  if (state.frameworkSettings.has(key)) return;
  state.frameworkSettings.put(key, record);
  state.books.sharers.weighs(key, sharesOf(record).weight);
  state.marks.frameworkShare(record.framework);
}

/** It has its turns at once, as far as its time has come. */
function restoreWindow(turn: Turn, window: KeptWindow): void {
  if (turn.state.maintenance.has(window.windowId)) return;
  putWindow(turn, { ...window, state: 'planned' });
}

function restoreTombstone(turn: Turn, record: TombstoneRecord): void {
  if (turn.state.tombstones.has(frameworkKey(record.framework))) return;
  bury(turn, { ...record, removedAtMs: turn.context.coreTimeMs });
}
