// Owns measuring the journal: inputs that are appended, committed and stepped a second, with a real nats-server, one
// append in flight at all times. The inputs are calls of a framework; answers are counted, not published.
import { LeaderShell } from '@parley/actor/leader-shell';
import { loadReplica } from '@parley/actor/load-replica';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Effect } from '@parley/cluster/effects';
import { type Call, ClusterSettings, type Input } from '@parley/cluster/inputs';
import type { NatsServer } from '@parley/nats-server/nats-server';
import { SubscribeResult } from '@parley/protocol/frameworks';
import { FrameworkId, PrincipalName, RoleName } from '@parley/protocol/ids';
import { MASTER, openBooks, unwrap, withBooks } from './bench-books.ts';
import { type Benchmark, type Result, rounded } from './measurement.ts';

const PRINCIPAL = PrincipalName.parse('bench');

type Load = {
  readonly name: string;
  readonly inputs: number;
  readonly frameworks: number;
  /** Calls of one framework that wait for their answer at the same time. */
  readonly callsAtOnce: number;
  readonly maxInputsPerEntry: number;
  readonly aim: number | null;
};

const LOADS: readonly Load[] = [
  {
    name: 'journal.single',
    inputs: 6400,
    frameworks: 8,
    callsAtOnce: 8,
    maxInputsPerEntry: 1,
    aim: null,
  },
  {
    name: 'journal.gathered',
    inputs: 192_000,
    frameworks: 64,
    callsAtOnce: 32,
    maxInputsPerEntry: 1024,
    aim: 50_000,
  },
];

export const journalBenchmark: Benchmark = {
  name: 'journal',
  summary: 'inputs a second through the journal, one an entry and many in one',
  run: (say) =>
    withBooks(async (server) => {
      say(`nats-server ${server.version}`);
      const results: Result[] = [];
      for (const [index, load] of LOADS.entries()) {
        say(`${load.name}: ${load.inputs} inputs, at most ${load.maxInputsPerEntry} an entry`);
        results.push(await measure(server, load, index + 1));
      }
      return results;
    }),
};

async function measure(server: NatsServer, load: Load, term: number): Promise<Result> {
  const { connection, ...adapters } = await openBooks(server);
  const source = { core: clusterCore, ...adapters };
  const epoch = { bucketCreatedMs: 1, revision: term };
  const callers = new CallingFrameworks(`term-${term}`, load);
  const shell = new LeaderShell({
    ...source,
    replica: unwrap(await loadReplica(source)),
    epoch,
    clock: systemClock,
    makeNonce: randomNonce,
    mayAct: () => true,
    onEffects: (effects) => callers.hear(effects),
    onSkipped: () => callers.fail('an input was left out'),
    report: () => undefined,
    limits: { maxInputsPerEntry: load.maxInputsPerEntry },
  });
  const settings = ClusterSettings.parse({});
  unwrap(shell.submit({ kind: 'termStarted', epoch, masterId: MASTER, settings }));
  const seconds = await callers.run((input) => unwrap(shell.submit(input)));
  await shell.stop();
  await connection.close();
  const { name, inputs, aim } = load;
  return { name, value: rounded(inputs / seconds), unit: 'inputs/s', aim, reference: null };
}

type Framework = {
  readonly frameworkId: FrameworkId;
  session: number | undefined;
  counter: number;
  answered: number;
};

/** Frameworks that keep so many calls waiting each, until all have been answered. */
class CallingFrameworks {
  readonly #load: Load;
  readonly #frameworks = new Map<string, Framework>();
  readonly #done = Promise.withResolvers<void>();
  #submit: ((input: Input) => void) | undefined;
  #subscribed = 0;
  #finished = 0;
  #beganMs = 0;

  constructor(prefix: string, load: Load) {
    this.#load = load;
    for (let number = 0; number < load.frameworks; number += 1) {
      const frameworkId = FrameworkId.parse(`${prefix}-${number}`);
      const framework = { frameworkId, session: undefined, counter: 0, answered: 0 };
      this.#frameworks.set(frameworkId, framework);
    }
  }

  /** Seconds from the first of the counted calls to the last answer. */
  async run(submit: (input: Input) => void): Promise<number> {
    this.#submit = submit;
    const role = RoleName.parse('bench');
    const body = { name: 'bench', roles: [role], suppressed: [], failoverTimeoutMs: 1000 };
    for (const framework of this.#frameworks.values()) {
      this.#call(framework, { verb: 'subscribe', body });
    }
    await this.#done.promise;
    return (performance.now() - this.#beganMs) / 1000;
  }

  fail(why: string): void {
    this.#done.reject(new Error(why));
  }

  hear(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'answer' || effect.caller.kind !== 'framework') continue;
      const framework = this.#frameworks.get(effect.caller.frameworkId);
      const { answer } = effect;
      if (!answer.ok) this.fail(answer.failure.message);
      else if (framework !== undefined) this.#hearAnswer(framework, answer.value);
    }
  }

  #hearAnswer(framework: Framework, value: unknown): void {
    if (framework.session === undefined) {
      framework.session = SubscribeResult.parse(value).session;
      framework.counter = 1;
      this.#subscribed += 1;
      if (this.#subscribed === this.#load.frameworks) this.#begin();
      return;
    }
    const share = this.#load.inputs / this.#load.frameworks;
    framework.answered += 1;
    if (framework.counter <= share) this.#state(framework);
    if (framework.answered < share) return;
    this.#finished += 1;
    if (this.#finished === this.#load.frameworks) this.#done.resolve();
  }

  #begin(): void {
    this.#beganMs = performance.now();
    for (const framework of this.#frameworks.values()) {
      for (let count = 0; count < this.#load.callsAtOnce; count += 1) this.#state(framework);
    }
  }

  #state(framework: Framework): void {
    this.#call(framework, { verb: 'demand', body: { demand: [] } });
  }

  #call(framework: Framework, call: Call): void {
    const { frameworkId, session, answered } = framework;
    framework.counter += 1;
    this.#submit?.({
      kind: 'call',
      caller: { kind: 'framework', principal: PRINCIPAL, frameworkId },
      request: { session: 'bench', counter: framework.counter, lowest: answered + 1 },
      ...(session !== undefined && { frameworkSession: session }),
      call,
    });
  }
}
