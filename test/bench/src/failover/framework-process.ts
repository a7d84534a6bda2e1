// Owns the process of the frameworks that a failover is measured with: many of the real SDK, each of which takes whatever
// it is offered, and states as its demand what it may run beside what runs. It counts what they see.

import type { Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { resources, task } from '@parley/scheduler-sdk/task';
import {
  type Counts,
  FrameworksPlan,
  type FromFrameworks,
  ToFrameworks,
} from './framework-messages.ts';

const plan = FrameworksPlan.parse(JSON.parse(process.argv[2] ?? '{}'));
const CONNECT_AT_ONCE = 20;
/** Thousands of agents have just registered: the leader may have much to do still. */
const CONNECT_TIMEOUT_MS = 120_000;
const SHOWN_TROUBLES = 20;
/** How often each framework looks whether it has to state its demand anew. */
const STATE_MS = 1000;
const NEED = { cpus: 1, mem: '1GiB', disk: '1GiB' } as const;

/** `tasks` grows to `wanted`. */
const load = { tasks: 0, wanted: plan.tasks, taskSeconds: plan.taskSeconds };
const frameworks: Framework[] = [];
/** Tasks that were asked for; whether the leader has said yes, and how each ended. */
const tasks = new Map<string, { accepted: boolean; end?: StatusUpdate['state'] }>();
const tally = { endedAgain: 0, refused: 0, longestPauseMs: 0, lastAcceptMs: 0 };
let revision = 0;
let troubles = 0;

const say = (message: FromFrameworks): void => void process.send?.(message);

process.on('message', (raw) => {
  const message = ToFrameworks.parse(raw);
  switch (message.kind) {
    case 'load':
      Object.assign(load, { wanted: message.tasks, taskSeconds: message.taskSeconds });
      load.tasks = Math.min(load.tasks, load.wanted);
      return;
    case 'count':
      say(counts());
      Object.assign(tally, { longestPauseMs: 0, lastAcceptMs: Date.now() });
      return;
    default:
      process.exit(0);
  }
});

// As many more at a time as may be launched: all at once would be another experiment.
setInterval(() => {
  load.tasks = Math.min(load.tasks + plan.launchRate, load.wanted);
  for (const framework of frameworks) framework.state();
}, STATE_MS);
for (let next = 0; next < plan.frameworks; next += CONNECT_AT_ONCE) {
  const size = Math.min(CONNECT_AT_ONCE, plan.frameworks - next);
  frameworks.push(
    ...(await Promise.all(Array.from({ length: size }, (_, index) => connect(next + index)))),
  );
}
say({ kind: 'ready' });

async function connect(index: number): Promise<Framework> {
  const name = `bench-${index}`;
  const own: Own = { open: 0, launched: 0, stated: 0 };
  const scheduler = await connectScheduler({
    credential: plan.credentials[index % plan.credentials.length] ?? '',
    frameworkId: name,
    name,
    role: name,
    demand: [],
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onOffers: (offers, self) => {
      for (const offer of offers) {
        own.launched += 1;
        own.stated -= 1;
        void launch(self, offer, { id: `${name}-${own.launched}`, own });
      }
    },
    onUpdate: (update) => ended(update, own),
    onError: (error) => {
      troubles += 1;
      if (troubles <= SHOWN_TROUBLES) process.stderr.write(`${name}: ${error.message}\n`);
    },
  });
  return { state: () => state(scheduler, own) };
}

/** Each has its share of the tasks, so that none takes all. The leader lowers a demand by what is launched. */
function state(scheduler: Scheduler, own: Own): void {
  const count = Math.max(0, Math.ceil(load.tasks / plan.frameworks) - own.open);
  // What is stated and not used up yet will do, so that not every task costs a call.
  if (count === own.stated || (own.stated < count && own.stated > count / 2)) return;
  own.stated = count;
  scheduler.setDemand(count === 0 ? [] : [{ count, resources: resources(NEED) }]);
}

type Framework = { readonly state: () => void };
type Own = { open: number; launched: number; stated: number };

async function launch(
  scheduler: Scheduler,
  offer: Offer,
  { id, own }: { readonly id: string; readonly own: Own },
): Promise<void> {
  const mine = { accepted: false };
  tasks.set(id, mine);
  own.open += 1;
  // The first ones begin together; they are not to end together, again and again.
  const share = own.launched <= load.wanted / plan.frameworks ? Math.random() : 1;
  const command = ['sleep', String(load.taskSeconds * share)];
  const description = task({ id, command, ...NEED });
  const answer = await scheduler.launch(offer, [description], { refuseMs: 0 });
  if (!answer.ok) {
    // Its end comes as an update; it was never launched.
    tally.refused += 1;
    return;
  }
  mine.accepted = true;
  const nowMs = Date.now();
  if (tally.lastAcceptMs > 0) {
    tally.longestPauseMs = Math.max(tally.longestPauseMs, nowMs - tally.lastAcceptMs);
  }
  tally.lastAcceptMs = nowMs;
  const term = Number(/^o(\d+)-/.exec(offer.offerId)?.[1]);
  if (term <= revision) return;
  revision = term;
  say({ kind: 'newTerm', revision, atMs: nowMs });
}

function ended({ task: { taskId }, state }: StatusUpdate, own: Own): void {
  if (!isTerminal(state)) return;
  const mine = tasks.get(taskId);
  if (mine === undefined) return;
  if (mine.end !== undefined) {
    tally.endedAgain += 1;
    return;
  }
  mine.end = state;
  own.open -= 1;
}

function counts(): Counts {
  const all = [...tasks.values()].filter(({ accepted }) => accepted);
  const finished = all.filter(({ end }) => end === 'finished').length;
  const open = all.filter(({ end }) => end === undefined).length;
  const failed = all.length - finished - open;
  const { endedAgain, refused } = tally;
  const longestPauseMs = Math.max(tally.longestPauseMs, Date.now() - tally.lastAcceptMs);
  return {
    kind: 'counts',
    accepted: all.length,
    finished,
    failed,
    endedAgain,
    open,
    refused,
    longestPauseMs,
  };
}
