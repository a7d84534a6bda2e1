// Owns a simulated operator: takes agents out of service and back, plans their maintenance, gives one up, sets how the
// cluster is shared, and puts away what is left of reservations, settings and windows. Each request is repeated until it is answered or the operator is tired of it.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { inboxPrefix } from '@parley/protocol/credential';
import { compareEpochs } from '@parley/protocol/epoch';
import { type AgentId, PrincipalName } from '@parley/protocol/ids';
import type { OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import type {
  Emptying,
  OperatorAgentRequest,
  OperatorOperateRequest,
  OperatorSharingRequest,
  SharingChange,
} from '@parley/protocol/operators';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { MasterProcess } from './master-process.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

const REPEAT_MS = 2000;
const MAX_REPEATS = 30;
const TIDY_MS = 2000;
const STEP_DOWN = 'stepDown';

type Call =
  | { readonly name: 'operatorAgent'; readonly body: OperatorAgentRequest }
  | { readonly name: 'operatorMaintenance'; readonly body: OperatorMaintenanceRequest }
  | { readonly name: 'operatorOperate'; readonly body: OperatorOperateRequest }
  | { readonly name: 'operatorSharing'; readonly body: OperatorSharingRequest };

export class OperatorProcess extends SimulatedProcess {
  readonly #operator = PrincipalName.parse('op');
  readonly #masters: readonly MasterProcess[];
  readonly #open = new Set<number>();
  #counter = 0;

  constructor(world: World, masters: readonly MasterProcess[]) {
    super(world, 'operator');
    this.#masters = masters;
  }

  /** Every request was answered, or given up. */
  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  change(agentId: AgentId, change: OperatorAgentRequest['change']): void {
    this.world.note(`the operator: ${change} ${agentId}`);
    this.#call({ name: 'operatorAgent', body: { agentId, change } });
  }

  /** Drains it, and has its tasks asked to stop. */
  empty(agentId: AgentId, emptying: Emptying): void {
    this.world.note(`the operator: empty ${agentId} ${JSON.stringify(emptying)}`);
    this.#call({ name: 'operatorAgent', body: { agentId, change: 'drain', emptying } });
  }

  maintain(body: OperatorMaintenanceRequest): void {
    this.world.note(`the operator: maintenance ${JSON.stringify(body)}`);
    this.#call({ name: 'operatorMaintenance', body });
  }

  /** Of people: what its times are. */
  get wallClockMs(): number {
    return this.wallTimeMs;
  }

  operate(body: OperatorOperateRequest): void {
    this.#call({ name: 'operatorOperate', body });
  }

  share(body: OperatorSharingRequest): void {
    this.world.note(`the operator: ${JSON.stringify(body)}`);
    this.#call({ name: 'operatorSharing', body });
  }

  /** Asks the leader of the last term to hand over, again until another term has begun. */
  stepDown(epoch = this.world.witness.epoch, left = MAX_REPEATS): void {
    const { cluster, witness } = this.world;
    if (!this.alive || left === 0 || compareEpochs(witness.epoch, epoch) > 0) return;
    this.world.note('the operator wants the leader to step down');
    const parameters = { operator: this.#operator };
    const { subject, bytes } = encodeMessage(SUBJECTS.stepDown, cluster, parameters, { epoch });
    this.publish(subject, bytes, `${this.#inbox()}.${STEP_DOWN}.0`);
    this.after(REPEAT_MS, () => this.stepDown(epoch, left - 1));
  }

  /** Until nothing is left: every agent in service, no window, and no reservation that nobody uses. Looks into the books. */
  tidy(): void {
    const state = this.#masters.find((master) => master.isLeading)?.state;
    for (const { agentId, isDeactivated, draining } of state?.agents.rows() ?? [])
      if (isDeactivated || draining !== undefined) this.change(agentId, 'reactivate');
    for (const { windowId, state: windowState } of state?.maintenance.rows() ?? [])
      this.maintain({ windowId, change: windowState === 'underWay' ? 'stop' : 'cancel' });
    this.#clearShares(state);
    for (const reservation of state?.reservations.rows() ?? []) {
      const { agentId, role, reservationId, volumes } = reservation;
      if (this.world.witness.gone.has(agentId)) continue;
      for (const { volumeId } of volumes)
        this.operate({ agentId, role, operation: { kind: 'destroyVolume', volumeId } });
      this.operate({ agentId, role, operation: { kind: 'unreserve', reservationId } });
    }
    this.after(TIDY_MS, () => this.tidy());
  }

  #clearShares(state: ClusterState | undefined): void {
    const nothing = { weight: null, guarantee: null, limit: null };
    const changes: SharingChange[] = [
      ...[...(state?.roleSettings.rows() ?? [])].map(({ role }) => ({
        ...nothing,
        kind: 'role' as const,
        role,
      })),
      ...[...(state?.frameworkSettings.rows() ?? [])].map(({ framework }) => ({
        ...nothing,
        kind: 'framework' as const,
        framework,
      })),
    ];
    if (changes.length > 0) this.share({ changes, force: false });
  }

  protected started(): void {
    this.subscribe(`${this.#inbox()}.*.*`, (message) => this.#answered(message));
  }

  protected crashed(): void {
    this.#open.clear();
  }

  protected tick(): void {}

  #inbox(): string {
    return `${inboxPrefix({ kind: 'operator', id: this.#operator })}.${this.incarnation}`;
  }

  #call(call: Call): void {
    if (!this.alive) return;
    this.#counter += 1;
    this.#open.add(this.#counter);
    this.#send(call, this.#counter, MAX_REPEATS);
  }

  #send(call: Call, counter: number, left: number): void {
    if (!this.#open.has(counter)) return;
    if (left === 0) {
      this.#open.delete(counter);
      return;
    }
    const entry: SubjectEntry = SUBJECTS[call.name];
    const parameters = { operator: this.#operator };
    const request = this.#request(counter);
    const { cluster } = this.world;
    const { subject, bytes } = encodeMessage(entry, cluster, parameters, call.body, { request });
    this.publish(subject, bytes, `${this.#inbox()}.${call.name}.${counter}`);
    this.after(REPEAT_MS, () => this.#send(call, counter, left - 1));
  }

  #request(counter: number): { session: string; counter: number; lowest: number } {
    return { session: `o${this.incarnation}`, counter, lowest: Math.min(...this.#open, counter) };
  }

  #answered({ subject, bytes }: Delivered): void {
    const [name = '', token] = subject.split('.').slice(-2);
    if (name === STEP_DOWN) return;
    const entry: SubjectEntry = SUBJECTS[name as Call['name']];
    const received = decodeAnswer(entry, bytes);
    const counter = Number(token);
    if (!received.ok) return;
    const caller = { kind: 'operator', operator: this.#operator } as const;
    this.world.witness.answered(caller, this.#request(counter), received.value.answer);
    this.#open.delete(counter);
  }
}
