// Owns an independent account of which agents are in service, made of the events of the journal one by one: nothing of
// an agent is offered and no task launched on it while an operator or a maintenance window keeps it out, and what counts
// as emptied is empty, on the host too. Throws at the first breach.
import type { ClusterEvent } from '@parley/cluster/events';
import type { AgentId, WindowId } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import type { World } from './world.ts';

type EventOf<Type extends ClusterEvent['type']> = Extract<ClusterEvent, { type: Type }>;
type WindowState = EventOf<'maintenanceChanged'>['to'];

const BEFORE: Record<WindowState, readonly (WindowState | undefined)[]> = {
  planned: [undefined],
  announced: ['planned'],
  underWay: ['planned', 'announced'],
  ended: ['underWay'],
  cancelled: ['planned', 'announced'],
};

export class ServiceWitness {
  readonly #world: World;
  /** Why each is out of service. */
  readonly #out = new Map<AgentId, Set<string>>();
  readonly #windows = new Map<WindowId, WindowState>();
  /** How often an agent was found empty that was to be emptied. */
  emptied = 0;

  constructor(world: World) {
    this.#world = world;
    world.listeners.push((event) => this.#hear(event));
    world.onRebuilt(() => this.#beginAnew());
  }

  isOut(agentId: AgentId): boolean {
    return (this.#out.get(agentId)?.size ?? 0) > 0;
  }

  /** Undefined before it is scheduled; of a name that is used again, the last window. */
  stateOf(windowId: WindowId): WindowState | undefined {
    return this.#windows.get(windowId);
  }

  #hear(event: ClusterEvent): void {
    switch (event.type) {
      case 'agentDeactivated':
      case 'agentDraining':
      case 'agentGone':
        this.#reasonsOf(event.agentId).add(event.type);
        break;
      case 'agentReactivated':
        this.#reasonsOf(event.agentId).delete('agentDeactivated');
        this.#reasonsOf(event.agentId).delete('agentDraining');
        break;
      case 'maintenanceChanged':
        this.#windowChanged(event);
        break;
      case 'offerMade':
        this.#mustBeIn(event.agentId, `${event.offerId} is made`);
        break;
      case 'taskStateChanged':
        if (event.to === 'staging' && event.from === undefined)
          this.#mustBeIn(event.agentId, `${event.task.taskId} is launched`);
        break;
      case 'agentDrained':
        this.#mustBeEmpty(event.agentId);
        break;
      default:
        break;
    }
  }

  /** What operators decided about agents is kept. How far a window has come shows from the time, once more. */
  #beginAnew(): void {
    for (const [windowId, state] of this.#windows)
      if (state !== 'ended' && state !== 'cancelled') this.#windows.set(windowId, 'planned');
    for (const reasons of this.#out.values())
      for (const reason of reasons) if (reason.startsWith('window ')) reasons.delete(reason);
  }

  #windowChanged({ windowId, to, agents }: EventOf<'maintenanceChanged'>): void {
    const state = this.#windows.get(windowId);
    const before = state === 'ended' || state === 'cancelled' ? undefined : state;
    if (!BEFORE[to].includes(before))
      throw new Error(`maintenance window ${windowId} is ${to} after it was ${before}`);
    this.#windows.set(windowId, to);
    const isNear = to === 'announced' || to === 'underWay';
    for (const agentId of agents) {
      if (isNear) this.#reasonsOf(agentId).add(`window ${windowId}`);
      else this.#reasonsOf(agentId).delete(`window ${windowId}`);
    }
  }

  #mustBeIn(agentId: AgentId, what: string): void {
    const [why] = this.#reasonsOf(agentId);
    if (why !== undefined)
      throw new Error(`${what} on ${agentId}, which is out of service: ${why}`);
  }

  #mustBeEmpty(agentId: AgentId): void {
    if (!this.isOut(agentId)) throw new Error(`${agentId} is emptied and nobody wants that`);
    const { starts, running, witness } = this.#world;
    for (const [task, { agentId: at, state }] of witness.tasks)
      if (at === agentId && !isTerminal(state))
        throw new Error(`${agentId} is emptied and ${task} is ${state} on it`);
    for (const task of running)
      if (starts.get(task) === agentId) throw new Error(`${agentId} is emptied and runs ${task}`);
    this.emptied += 1;
  }

  #reasonsOf(agentId: AgentId): Set<string> {
    const known = this.#out.get(agentId);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#out.set(agentId, made);
    return made;
  }
}
