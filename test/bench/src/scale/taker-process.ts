// Owns the process of the frameworks that the scale benchmark keeps a cluster busy with: many of the real SDK, each of which
// launches one task on every offer that it is made, as in the Mesos paper (NSDI 2011, section on scalability).
import type { AgentId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { task } from '@parley/scheduler-sdk/task';
import { percentile } from '../measurement.ts';
import {
  type Figures,
  type FromTakers,
  TakersPlan,
  type Times,
  ToTakers,
} from './taker-messages.ts';

const plan = TakersPlan.parse(JSON.parse(process.argv[2] ?? '{}'));
const CONNECT_AT_ONCE = 20;
const CONNECT_TIMEOUT_MS = 120_000;
const SHOWN_TROUBLES = 20;
/** All that an emulated agent of the benchmark has. */
const NEED = { cpus: 1, mem: '1GiB', disk: '1GiB' } as const;
const LEAST_SECONDS = 1;

type Open = { readonly agentId: AgentId; readonly taker: Taker; readonly acceptedMs: number };
type Taker = { readonly name: string; open: number; launched: number };

const takers: Taker[] = [];
const open = new Map<string, Open>();
// Or began a task: the order of an agent that was restarted can reach it afterwards, and then it is not offered.
const offeredAgents = new Set<AgentId>();
/** When the last task on an agent ended, until the next one is accepted there. */
const freeSinceMs = new Map<AgentId, number>();
const counted = { launched: 0, finished: 0, failed: 0, refused: 0, start: [0], reuse: [0] };
let troubles = 0;
let isDraining = false;
let marks = 0;
let firstAcceptMs: number | null = null;

const say = (message: FromTakers): void => void process.send?.(message);

process.on('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  const { kind } = ToTakers.parse(raw);
  say(figures());
  if (kind === 'drain') isDraining = true;
  if (kind !== 'mark') return;
  marks += 1;
  firstAcceptMs = null;
  offeredAgents.clear();
});
forget();
for (let next = 0; next < plan.frameworks; next += CONNECT_AT_ONCE) {
  const size = Math.min(CONNECT_AT_ONCE, plan.frameworks - next);
  await Promise.all(Array.from({ length: size }, (_, index) => connect(next + index)));
}
process.on('SIGUSR2', () => process.exit(0));
say({ kind: 'ready' });

async function connect(index: number): Promise<void> {
  const taker: Taker = { name: `taker-${index}`, open: 0, launched: 0 };
  takers.push(taker);
  await connectScheduler({
    credential: plan.credentials[index % plan.credentials.length] ?? '',
    ...{ frameworkId: taker.name, name: taker.name, role: taker.name },
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onOffers: (offers, self) => {
      if (isDraining) return;
      for (const offer of offers) void take(self, offer, taker);
    },
    onUpdate: heard,
    onError: trouble,
  });
}

async function take(scheduler: Scheduler, offer: Offer, taker: Taker): Promise<void> {
  const { agentId } = offer;
  const mark = marks;
  offeredAgents.add(agentId);
  taker.launched += 1;
  const id = `${taker.name}-${taker.launched}`;
  const command = ['sleep', taskSeconds().toFixed(2)];
  const acceptedMs = performance.now();
  open.set(id, { agentId, taker, acceptedMs });
  taker.open += 1;
  const since = freeSinceMs.get(agentId);
  if (since !== undefined) counted.reuse.push(acceptedMs - since);
  freeSinceMs.delete(agentId);
  const answer = await scheduler.launch(offer, [task({ id, command, ...NEED })], { refuseMs: 0 });
  if (answer.ok) {
    counted.launched += 1;
    if (mark === marks) firstAcceptMs ??= Date.now();
  } else {
    counted.refused += 1;
    ended(id, false);
  }
}

/** Box and Muller's way to a normal distribution. */
function taskSeconds(): number {
  const { meanSeconds, deviationSeconds } = plan;
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  const normal = radius * Math.cos(2 * Math.PI * Math.random());
  return Math.max(LEAST_SECONDS, meanSeconds + deviationSeconds * normal);
}

function heard({ task: { taskId }, state }: StatusUpdate): void {
  const mine = open.get(taskId);
  if (mine === undefined) return;
  if (state === 'running') {
    counted.start.push(performance.now() - mine.acceptedMs);
    offeredAgents.add(mine.agentId);
  }
  if (!isTerminal(state)) return;
  freeSinceMs.set(mine.agentId, performance.now());
  ended(taskId, state === 'finished');
}

function ended(id: string, isWell: boolean): void {
  const mine = open.get(id);
  if (mine === undefined) return;
  open.delete(id);
  mine.taker.open -= 1;
  if (isWell) counted.finished += 1;
  else counted.failed += 1;
}

function figures(): Figures {
  const each = takers.map((taker) => taker.open).sort((a, b) => a - b);
  const told: Figures = {
    kind: 'figures',
    open: open.size,
    offeredAgents: offeredAgents.size,
    launched: counted.launched,
    finished: counted.finished,
    failed: counted.failed,
    refused: counted.refused,
    firstAcceptMs,
    start: timesOf(counted.start),
    reuse: timesOf(counted.reuse),
    tasks: [each[0] ?? 0, each[Math.floor(each.length / 2)] ?? 0, each.at(-1) ?? 0],
  };
  forget();
  return told;
}

function forget(): void {
  Object.assign(counted, { launched: 0, finished: 0, failed: 0, refused: 0, start: [], reuse: [] });
}

function timesOf(values: readonly number[]): Times {
  const of = (percent: number): number => (values.length === 0 ? 0 : percentile(values, percent));
  return { count: values.length, p50: of(50), p99: of(99), max: of(100) };
}

function trouble(error: Error): void {
  troubles += 1;
  if (troubles <= SHOWN_TROUBLES) process.stderr.write(`${error.message}\n`);
}
