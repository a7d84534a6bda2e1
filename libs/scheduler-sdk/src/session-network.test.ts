// Owns the property that a session keeps over a bus that loses, repeats and reorders: no offer is leaked,
// each accept has one outcome, no task is launched twice, every update and event reaches the user once, and reconciliation
// tells the end of those tasks, and of those only, of which no update tells.
import { FrameworkId, PrincipalName, RoleName } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { TaskDescription } from '@parley/protocol/tasks';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeLeader } from './fake-leader.ts';
import { SchedulerSession } from './session.ts';
import type { SchedulerEvent, SessionEffect } from './session-vocabulary.ts';

const framework = {
  principal: PrincipalName.parse('team'),
  frameworkId: FrameworkId.parse('fw'),
};
/** The network is bad until then; afterwards everything arrives, and the run goes on to come to rest. */
const BAD_UNTIL_MS = 60_000;
const END_MS = 200_000;
const STEP_MS = 250;

/** mulberry32: a small seeded generator. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Run {
  readonly leader = new FakeLeader(framework);
  readonly outcomes = new Map<number, number>();
  readonly accepts = new Set<number>();
  readonly delivered = new Map<string, number>();
  readonly launched = new Set<string>();
  readonly ended = new Set<string>();
  readonly acknowledged = new Set<number>();
  readonly events: number[] = [];
  /** Tasks whose end was told by a reconciliation. */
  readonly reconciled: string[] = [];
  readonly session = new SchedulerSession({
    framework,
    name: 'test',
    roles: [RoleName.parse('batch')],
    failoverTimeoutMs: 1000,
    callerSession: 'caller',
    reconcile: { intervalMs: 20_000, overdueMs: 10_000 },
  });
  readonly #random: () => number;
  #due: { atMs: number; run: () => void }[] = [];
  #nowMs = 0;
  #tasks = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  go(): void {
    this.#carryOut(this.session.start(0));
    for (; this.#nowMs < END_MS; this.#nowMs += STEP_MS) this.#step();
    // A question that is asked every 20 s may just be on its way.
    const lastMs = END_MS + 10 * STEP_MS;
    for (; this.session.figures.openCalls > 0 && this.#nowMs < lastMs; this.#nowMs += STEP_MS)
      this.#step();
  }

  #step(): void {
    const nowMs = this.#nowMs;
    const due = this.#due.filter(({ atMs }) => atMs <= nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs);
    for (const { run } of due) run();
    if (nowMs < BAD_UNTIL_MS) this.#trouble();
    else {
      this.leader.rateLimited = 0;
      this.leader.pageSize = 1000;
    }
    if (nowMs % 5000 === 0) this.leader.heartbeat();
    for (const message of this.leader.outbox.splice(0)) {
      this.#send(() => this.#carryOut(this.session.message(message, this.#nowMs)));
    }
    if ((this.session.nextWakeMs() ?? nowMs + 1) <= nowMs) this.#carryOut(this.session.tick(nowMs));
    if (nowMs % 2000 === 0) this.#readStream();
  }

  #trouble(): void {
    const { leader } = this;
    if (this.#random() < 0.2) leader.offer(1 + Math.floor(this.#random() * 3));
    if (this.#random() < 0.02) leader.takeOver();
    if (this.#random() < 0.01) leader.disconnect();
    if (this.#random() < 0.03) leader.rescind([...leader.outstanding.keys()].slice(0, 1));
    if (this.#random() < 0.02) this.#carryOut(this.session.reconnected(this.#nowMs));
    if (this.#random() < 0.05) leader.event();
    if (this.#random() < 0.05) leader.rateLimited += 1;
    leader.isMute = this.#random() < 0.1;
    leader.pageSize = 1 + Math.floor(this.#random() * 5);
  }

  /** All unacknowledged updates again, as a consumer that is opened anew. */
  #readStream(): void {
    for (const [index, update] of this.leader.stream.entries()) {
      const sequence = index + 1;
      if (this.acknowledged.has(sequence)) continue;
      this.#carryOut(this.session.updateRead(sequence, update, this.#nowMs));
    }
  }

  /** A reader takes its time; then everything up to there has been read. */
  #catchUp(sequence: number): void {
    const delayMs = Math.floor(this.#random() * 4000);
    const run = (): void => {
      this.#readStream();
      this.#carryOut(this.session.caughtUp({ streamCreatedMs: 1, sequence }, this.#nowMs));
    };
    this.#due.push({ atMs: this.#nowMs + delayMs, run });
  }

  /** Loses one in five, repeats one in five, delays at random. */
  #send(run: () => void): void {
    const bad = this.#nowMs < BAD_UNTIL_MS;
    if (bad && this.#random() < 0.2) return;
    const copies = bad && this.#random() < 0.2 ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = bad ? Math.floor(this.#random() * 3000) : 0;
      this.#due.push({ atMs: this.#nowMs + STEP_MS + delayMs, run });
    }
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'request') {
        this.#send(() => {
          const answer = this.leader.request(effect.call, effect.header);
          this.#send(() =>
            this.#carryOut(this.session.answered(effect.counter, answer, this.#nowMs)),
          );
        });
      } else if (effect.kind === 'catchUp') {
        this.#catchUp(effect.streamSequence);
      } else if (effect.kind === 'acknowledge') {
        this.acknowledged.add(effect.streamSequence);
      } else if (effect.kind === 'deliver') this.#deliver(effect.event);
    }
  }

  #deliver(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        this.#handleOffers(event.offers);
        break;
      case 'accepted':
        this.outcomes.set(event.acceptId, (this.outcomes.get(event.acceptId) ?? 0) + 1);
        break;
      case 'update': {
        const { task, source, sequence, state, reason } = event.update;
        if (reason === 'reconciliation') {
          this.reconciled.push(task.taskId);
          this.ended.add(task.taskId);
        }
        const key = `${task.taskId}:${source}:${sequence}`;
        this.delivered.set(key, (this.delivered.get(key) ?? 0) + 1);
        if (state === 'finished' || state === 'dropped') this.ended.add(task.taskId);
        if (event.streamSequence !== undefined) {
          this.#carryOut(this.session.updateHandled(event.streamSequence, this.#nowMs));
        }
        break;
      }
      case 'event':
        this.events.push(event.event.eventId);
        this.#carryOut(this.session.eventHandled(event.event.eventId, this.#nowMs));
        break;
      default:
        break;
    }
  }

  #handleOffers(offers: readonly Offer[]): void {
    for (const offer of offers) {
      if (this.#random() < 0.4) continue;
      this.#tasks += 1;
      const taskId = `t${this.#tasks}`;
      const launches = [
        TaskDescription.parse({ taskId, resources: {}, command: { argv: ['true'] } }),
      ];
      const accept = this.session.accept({ offers: [offer], launches }, this.#nowMs);
      this.accepts.add(accept.acceptId);
      this.launched.add(taskId);
      this.#carryOut(accept.effects);
    }
    this.#carryOut(this.session.offersHandled(offers, this.#nowMs));
  }
}

it('comes to rest over a bad network with nothing leaked, repeated or forgotten', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const run = new Run(seed);
      run.go();
      expect(run.session.phase).toBe('subscribed');
      expect(run.leader.outstanding.size).toBe(0);
      expect(run.session.figures).toEqual({
        outstanding: 0,
        answering: 0,
        openCalls: 0,
        waiting: 0,
      });
      expect([...run.outcomes.keys()].sort()).toEqual([...run.accepts].sort());
      expect([...run.outcomes.values()].every((count) => count === 1)).toBe(true);
      expect([...run.leader.launches.values()].every((count) => count === 1)).toBe(true);
      expect([...run.delivered.values()].every((count) => count === 1)).toBe(true);
      expect([...run.ended].sort()).toEqual([...run.launched].sort());
      expect(run.acknowledged.size).toBe(run.leader.stream.length);
      expect(run.events).toEqual(run.events.map((_, index) => index + 1));
      expect(run.leader.events).toEqual([]);
      expect(run.reconciled.sort()).toEqual([...run.leader.forgotten].sort());
    }),
    { numRuns: 60 },
  );
});
