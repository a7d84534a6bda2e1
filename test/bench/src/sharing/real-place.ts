// Owns a real cluster as the place of frameworks that run jobs: schedulers of the real SDK, connected beforehand, and the clock
// of this process. In a static part a framework's demand names its agents, so that it is offered no others.
import type { Constraint } from '@parley/protocol/constraints';
import { TaskDescription } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import type { Listener } from '../virtual/virtual-cluster.ts';
import type { JobDesk, JobPlace } from './job-place.ts';

const CONNECT_TIMEOUT_MS = 150_000;
const filter = { refuseMs: 0 };

export type RealMember = {
  readonly name: string;
  /** Ids of the agents that it may use; all when left out. */
  readonly agents?: readonly string[];
};

type How = {
  readonly credential: string;
  readonly role: string;
  readonly onTrouble: (error: Error) => void;
};

export class RealPlace implements JobPlace {
  readonly #beganMs = performance.now();
  readonly #members: readonly Member[];
  readonly #onTrouble: (error: Error) => void;

  private constructor(members: readonly Member[], onTrouble: (error: Error) => void) {
    this.#members = members;
    this.#onTrouble = onTrouble;
  }

  /** Resolves when all are subscribed: its time begins then. `role`: what theirs lie below. */
  static async connect(
    { credential, role }: { readonly credential: string; readonly role: string },
    members: readonly RealMember[],
    onTrouble: (error: Error) => void,
  ): Promise<RealPlace> {
    const connecting = members.map((one) => Member.connect(one, { credential, role, onTrouble }));
    return new RealPlace(await Promise.all(connecting), onTrouble);
  }

  get nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  after(ms: number, act: () => void): void {
    setTimeout(() => {
      try {
        act();
      } catch (error) {
        this.#onTrouble(error instanceof Error ? error : new Error(String(error)));
      }
    }, ms);
  }

  join(name: string, listener: Listener): JobDesk {
    const member = this.#members.find((one) => one.name === name);
    if (member === undefined) throw new Error(`no framework ${name} was connected`);
    return member.deskFor(listener);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }
}

class Member {
  readonly name: string;
  readonly #constraints: Constraint[];
  readonly #scheduler: Promise<Scheduler>;
  #listener: Listener | undefined;

  private constructor({ name, agents }: RealMember, how: How) {
    this.name = name;
    this.#constraints =
      agents === undefined ? [] : [{ name: 'agentId', operator: 'in', values: [...agents] }];
    this.#scheduler = connectScheduler({
      ...{ credential: how.credential, name, role: `${how.role}/${name}`, demand: [] },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onOffers: (offers) => this.#listener?.offered(offers),
      onRescind: (offerIds) => this.#listener?.rescinded(offerIds),
      onUpdate: (update) => {
        try {
          this.#listener?.updated(update);
        } catch (error) {
          how.onTrouble(error instanceof Error ? error : new Error(String(error)));
        }
      },
      onError: how.onTrouble,
    });
  }

  static async connect(one: RealMember, how: How): Promise<Member> {
    const member = new Member(one, how);
    await member.#scheduler;
    return member;
  }

  deskFor(listener: Listener): JobDesk {
    this.#listener = listener;
    const constraints = this.#constraints;
    const tell = (act: (scheduler: Scheduler) => void): void => void this.#scheduler.then(act);
    return {
      demand: (needs) =>
        tell((scheduler) => scheduler.setDemand(needs.map((need) => ({ ...need, constraints })))),
      decline: (offer) => tell((scheduler) => scheduler.decline([offer], filter)),
      launch: (offer, tasks) => {
        const launches = tasks.map(({ taskId, resources, lengthMs }) =>
          TaskDescription.parse({
            ...{ taskId, resources },
            command: { argv: ['sleep', (lengthMs / 1000).toFixed(3)] },
          }),
        );
        tell((scheduler) => void scheduler.launch(offer, launches, filter));
      },
    };
  }

  async close(): Promise<void> {
    await (await this.#scheduler).teardown();
  }
}
