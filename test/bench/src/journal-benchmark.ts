// Owns measuring the journal: inputs that are appended, committed and stepped a second, with a real nats-server, one
// append in flight at all times. The inputs are calls of a framework; answers are counted, not published.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LeaderShell } from '@parley/actor/leader-shell';
import { loadReplica } from '@parley/actor/load-replica';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams } from '@parley/actor/nats/provision';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Effect } from '@parley/cluster/effects';
import { type Call, ClusterSettings, type Input } from '@parley/cluster/inputs';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import type { Outcome } from '@parley/protocol/errors';
import { SubscribeResult } from '@parley/protocol/frameworks';
import { ActorId, ClusterName, FrameworkId, PrincipalName, RoleName } from '@parley/protocol/ids';
import { type Benchmark, type Result, rounded } from './measurement.ts';

const CLUSTER = ClusterName.parse('bench');
const MASTER = ActorId.parse('master-1');

type Load = {
  readonly name: string;
  readonly inputs: number;
  /** Calls that wait for their answer at the same time. */
  readonly callers: number;
  readonly maxInputsPerEntry: number;
  readonly aim: number | null;
};

const LOADS: readonly Load[] = [
  { name: 'journal.single', inputs: 5000, callers: 64, maxInputsPerEntry: 1, aim: null },
  {
    name: 'journal.gathered',
    inputs: 200_000,
    callers: 2048,
    maxInputsPerEntry: 1024,
    aim: 50_000,
  },
];

export const journalBenchmark: Benchmark = {
  name: 'journal',
  summary: 'inputs a second through the journal, one an entry and many in one',
  run: async (say) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-journal-'));
    let server: NatsServer | undefined;
    try {
      server = await startNatsServer({
        directory,
        cluster: CLUSTER,
        actors: [{ kind: 'master', id: MASTER }],
        principals: [],
      });
      say(`nats-server ${server.version}`);
      await makeStreams(server);
      const results: Result[] = [];
      for (const [index, load] of LOADS.entries()) {
        say(`${load.name}: ${load.inputs} inputs, at most ${load.maxInputsPerEntry} an entry`);
        results.push(await measure(server, load, index + 1));
      }
      return results;
    } finally {
      await server?.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function makeStreams(server: NatsServer): Promise<void> {
  const connection = await connectTo(server, 'provisioner', 'provisioner');
  unwrap(
    await provision(connection, wantedStreams({ cluster: CLUSTER, principals: [], replicas: 1 })),
  );
  await connection.close();
}

async function measure(server: NatsServer, load: Load, term: number): Promise<Result> {
  const connection = await connectTo(server, 'master', MASTER);
  const source = {
    core: clusterCore,
    journal: new NatsJournal(connection, CLUSTER),
    snapshots: new NatsSnapshotStore(connection, CLUSTER),
  };
  const epoch = { bucketCreatedMs: 1, revision: term };
  const caller = new CallingFramework(`framework-${term}`, load);
  const shell = new LeaderShell({
    ...source,
    replica: unwrap(await loadReplica(source)),
    epoch,
    clock: systemClock,
    makeNonce: randomNonce,
    mayAct: () => true,
    onEffects: (effects) => caller.hear(effects),
    onSkipped: () => caller.fail('an input was left out'),
    report: () => undefined,
    limits: { maxInputsPerEntry: load.maxInputsPerEntry },
  });
  const settings = ClusterSettings.parse({});
  unwrap(shell.submit({ kind: 'termStarted', epoch, masterId: MASTER, settings }));
  const seconds = await caller.run((input) => unwrap(shell.submit(input)));
  await shell.stop();
  await connection.close();
  const { name, inputs, aim } = load;
  return { name, value: rounded(inputs / seconds), unit: 'inputs/s', aim, reference: null };
}

/** Keeps so many calls waiting, until all have been answered. */
class CallingFramework {
  readonly #framework: { readonly principal: PrincipalName; readonly frameworkId: FrameworkId };
  readonly #load: Load;
  readonly #done = Promise.withResolvers<void>();
  #submit: ((input: Input) => void) | undefined;
  #counter = 0;
  #answered = 0;
  #session: number | undefined;
  #beganMs = 0;

  constructor(id: string, load: Load) {
    this.#framework = {
      principal: PrincipalName.parse('bench'),
      frameworkId: FrameworkId.parse(id),
    };
    this.#load = load;
  }

  /** Seconds from the first of the counted calls to the last answer. */
  async run(submit: (input: Input) => void): Promise<number> {
    this.#submit = submit;
    const role = RoleName.parse('bench');
    this.#call({
      verb: 'subscribe',
      body: { name: 'bench', role, demand: [], failoverTimeoutMs: 1000 },
    });
    await this.#done.promise;
    return (performance.now() - this.#beganMs) / 1000;
  }

  fail(why: string): void {
    this.#done.reject(new Error(why));
  }

  hear(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'answer') continue;
      const { answer } = effect;
      if (!answer.ok) {
        this.fail(answer.failure.message);
        return;
      }
      if (this.#session === undefined) this.#subscribed(answer.value);
      else this.#hearAnswer();
    }
  }

  #subscribed(value: unknown): void {
    this.#session = SubscribeResult.parse(value).session;
    this.#beganMs = performance.now();
    for (let count = 0; count < this.#load.callers; count += 1) this.#state();
  }

  #hearAnswer(): void {
    this.#answered += 1;
    if (this.#answered === this.#load.inputs) this.#done.resolve();
    else if (this.#counter <= this.#load.inputs) this.#state();
  }

  #state(): void {
    this.#call({ verb: 'demand', body: { demand: [] } });
  }

  #call(call: Call): void {
    this.#counter += 1;
    const lowest = this.#answered + 1;
    this.#submit?.({
      kind: 'call',
      caller: { kind: 'framework', ...this.#framework },
      request: { session: 'bench', counter: this.#counter, lowest },
      ...(this.#session !== undefined && { frameworkSession: this.#session }),
      call,
    });
  }
}

type Connection = Extract<Awaited<ReturnType<typeof openConnection>>, { ok: true }>['value'];

async function connectTo(
  server: NatsServer,
  kind: 'master' | 'provisioner',
  id: string,
): Promise<Connection> {
  const identity = unwrap(readCredentialFile(server.credentialFile(kind, id)));
  return unwrap(await openConnection(identity, 'books'));
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}
