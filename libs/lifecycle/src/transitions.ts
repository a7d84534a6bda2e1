// Owns the tables (state x event -> next state) that hot code looks up. They are compiled from the machines
// when this module is loaded, by running xstate's pure transition() once for each pair; nothing is written by hand.
import type { TaskState } from '@parley/protocol/tasks';
import { type AnyStateMachine, type StateValueFrom, transition } from 'xstate';
import { AGENT_EVENTS, type AgentEvent, agentMachine } from './agent-machine.ts';
import { FRAMEWORK_EVENTS, type FrameworkEvent, frameworkMachine } from './framework-machine.ts';
import {
  LEADERSHIP_EVENTS,
  type LeadershipEvent,
  leadershipMachine,
} from './leadership-machine.ts';
import {
  MAINTENANCE_EVENTS,
  type MaintenanceEvent,
  maintenanceMachine,
} from './maintenance-machine.ts';
import { OFFER_EVENTS, type OfferEvent, offerMachine } from './offer-machine.ts';
import { TASK_EVENTS, type TaskEvent, taskMachine } from './task-machine.ts';

export type AgentState = StateValueFrom<typeof agentMachine>;
export type FrameworkState = StateValueFrom<typeof frameworkMachine>;
export type LeadershipState = StateValueFrom<typeof leadershipMachine>;
export type MaintenanceState = StateValueFrom<typeof maintenanceMachine>;
export type OfferState = StateValueFrom<typeof offerMachine>;

type Table<State extends string, Event extends string> = ReadonlyMap<
  string,
  ReadonlyMap<Event, State>
>;

/** The states of a flat machine are its top-level keys; an event that a state does not allow has no entry. */
function compile<State extends string, Event extends string>(
  machine: AnyStateMachine,
  events: readonly Event[],
): Table<State, Event> {
  const table = new Map<string, Map<Event, State>>();
  for (const state of Object.keys(machine.states)) {
    const from = machine.resolveState({ value: state, context: {} });
    const row = new Map<Event, State>();
    for (const type of events) {
      if (!from.can({ type })) continue;
      const [next] = transition(machine, from, { type });
      row.set(type, next.value);
    }
    table.set(state, row);
  }
  return table;
}

const agentTable = compile<AgentState, AgentEvent>(agentMachine, AGENT_EVENTS);
const frameworkTable = compile<FrameworkState, FrameworkEvent>(frameworkMachine, FRAMEWORK_EVENTS);
const leadershipTable = compile<LeadershipState, LeadershipEvent>(
  leadershipMachine,
  LEADERSHIP_EVENTS,
);
const maintenanceTable = compile<MaintenanceState, MaintenanceEvent>(
  maintenanceMachine,
  MAINTENANCE_EVENTS,
);
const offerTable = compile<OfferState, OfferEvent>(offerMachine, OFFER_EVENTS);
const taskTable = compile<TaskState, TaskEvent>(taskMachine, TASK_EVENTS);

/** Each returns undefined when the lifecycle does not allow the event in that state. */
export const nextAgentState = (state: AgentState, event: AgentEvent): AgentState | undefined =>
  agentTable.get(state)?.get(event);
export const nextFrameworkState = (
  state: FrameworkState,
  event: FrameworkEvent,
): FrameworkState | undefined => frameworkTable.get(state)?.get(event);
export const nextLeadershipState = (
  state: LeadershipState,
  event: LeadershipEvent,
): LeadershipState | undefined => leadershipTable.get(state)?.get(event);
export const nextMaintenanceState = (
  state: MaintenanceState,
  event: MaintenanceEvent,
): MaintenanceState | undefined => maintenanceTable.get(state)?.get(event);
export const nextOfferState = (state: OfferState, event: OfferEvent): OfferState | undefined =>
  offerTable.get(state)?.get(event);
export const nextTaskState = (state: TaskState, event: TaskEvent): TaskState | undefined =>
  taskTable.get(state)?.get(event);
