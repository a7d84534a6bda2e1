// Owns a cluster of real processes for scenarios, with its books followed: what happened, what is held, whether anything
// leaked. It tests nothing itself.

import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ClusterEvent } from '@parley/cluster/events';
import { checkInvariants } from '@parley/cluster/invariants';
import type { AgentId } from '@parley/protocol/ids';
import { PrincipalName } from '@parley/protocol/ids';
import type { OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import { type Answer, encodeMessage } from '@parley/protocol/message';
import type { OperatorAgentRequest } from '@parley/protocol/operators';
import type { Resources } from '@parley/protocol/resources';
import { SUBJECTS } from '@parley/protocol/subjects';
import { ask } from './cluster-caller.ts';
import { type Books, ClusterFixture, cluster, until } from './cluster-fixture.ts';

const OPERATOR = PrincipalName.parse('olga');

type AgentName = 'a1' | 'a2';
type Options = {
  readonly agents: readonly AgentName[];
  readonly masterOptions?: readonly string[];
};
export type Happening = { readonly event: ClusterEvent; readonly coreTimeMs: number };

export class ScenarioCluster {
  readonly fixture = new ClusterFixture();
  /** In order, since the start. */
  readonly happened: Happening[] = [];
  #books: Books | undefined;
  #requests = 0;
  #masterOptions: readonly string[] = [];

  async start({ agents, masterOptions = [] }: Options): Promise<void> {
    const { fixture } = this;
    this.#masterOptions = masterOptions;
    await fixture.startServer();
    await fixture.provision();
    this.startMaster();
    fixture.service('allocator-1').start();
    for (const id of agents) fixture.service(id).start();
    for (const id of agents) await fixture.service(id).says('"msg":"registered"');
    this.#books = await fixture.follow(
      (event, coreTimeMs) => void this.happened.push({ event, coreTimeMs }),
    );
  }

  /** With the settings of the start. */
  startMaster(): void {
    this.fixture.service('master-1').start(...this.#masterOptions);
  }

  get state(): ClusterState {
    if (this.#books === undefined) throw new Error('the books are not followed');
    return this.#books.state;
  }

  /** What happened of this kind. */
  of<Type extends ClusterEvent['type']>(
    type: Type,
  ): (Extract<ClusterEvent, { type: Type }> & { readonly coreTimeMs: number })[] {
    return this.happened.flatMap(({ event, coreTimeMs }) =>
      // The type was compared just now.
      event.type === type
        ? [{ ...(event as Extract<ClusterEvent, { type: Type }>), coreTimeMs }]
        : [],
    );
  }

  /** Waits until the books say so. */
  async books(isSo: (state: ClusterState) => boolean, what: string): Promise<void> {
    await until(
      () => isSo(this.state),
      () => `${what}; last: ${JSON.stringify(this.happened.slice(-10))}`,
    );
  }

  /** An agent's own word on its resources, and what is free of them. */
  free(agentId: AgentId | string): { free: Resources | undefined; total: Resources | undefined } {
    const agent = this.state.agents.get(agentId);
    return { free: agent && this.state.books.free(agent), total: agent?.total };
  }

  /** Fails with what is broken in the books. */
  check(): void {
    const broken = checkInvariants(this.state);
    if (broken.length > 0) throw new Error(broken.join('; '));
  }

  async changeAgent(body: OperatorAgentRequest): Promise<Answer> {
    const header = { request: this.#nextRequest() };
    const target = { operator: OPERATOR };
    const call = encodeMessage(SUBJECTS.operatorAgent, cluster, target, body, header);
    const connection = await this.fixture.connect('operator', OPERATOR);
    return ask(connection, SUBJECTS.operatorAgent, call.subject, call.bytes);
  }

  async maintain(body: OperatorMaintenanceRequest): Promise<Answer> {
    const header = { request: this.#nextRequest() };
    const target = { operator: OPERATOR };
    const call = encodeMessage(SUBJECTS.operatorMaintenance, cluster, target, body, header);
    const connection = await this.fixture.connect('operator', OPERATOR);
    return ask(connection, SUBJECTS.operatorMaintenance, call.subject, call.bytes);
  }

  /** Killed with -9 in the middle of whatever it does, and begun anew. */
  async replaceMaster(): Promise<void> {
    const terms = this.of('termStarted').length;
    await this.fixture.service('master-1').end('SIGKILL');
    this.startMaster();
    await this.books(() => this.of('termStarted').length > terms, 'a new term begins');
  }

  #nextRequest() {
    this.#requests += 1;
    return { session: 'by-hand', counter: this.#requests, lowest: 1 };
  }

  close(): Promise<void> {
    return this.fixture.close();
  }
}
