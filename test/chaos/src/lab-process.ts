// Owns one run, on the lab's host: the cluster started, work released and faults done by the plan, healed, brought to rest,
// judged. Its argument is the run as JSON. Ends with 0 when every rule held, 1 when one broke or the run could not be made.
// It ends with its parent, which removes all that it made.
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { ChaosCluster } from './chaos-cluster.ts';
import { gather, remains, scopesLeft, unrest } from './evidence.ts';
import { describeFault, type PlannedFault } from './faults.ts';
import { inflict } from './inflict.ts';
import { judge } from './judge.ts';
import { layoutOf } from './layout.ts';
import { drawSchedule } from './schedule.ts';
import { drawWork, WorkFiles } from './work.ts';

/** After the last fault, until all work is done and all is free. */
const REST_LIMIT_MS = 240_000;
const REMAINS_LIMIT_MS = 30_000;
const LOOK_MS = 300;

const Run = z.object({
  run: z.string(),
  directory: z.string(),
  seed: z.int(),
  faultsMs: z.number(),
  agents: z.int(),
  faketime: z.string(),
});
const options = Run.parse(JSON.parse(process.argv[2] ?? ''));
const { run, directory, seed, faultsMs } = options;
const layout = layoutOf(run, options.agents);
const cluster = new ChaosCluster({ ...options, layout });
const beganMs = performance.now();
const done: string[] = [];
/** Faults that could not be done or undone: the lab's own defects. */
const mishaps: string[] = [];

process.stdin.on('end', () => process.exit(1)).resume();
process.exit(await main());

async function main(): Promise<number> {
  const plan = drawSchedule(seed, layout, faultsMs);
  writeFileSync(path.join(directory, 'plan.json'), JSON.stringify({ seed, plan }, undefined, 2));
  say(`seed ${seed}: ${plan.length} faults in ${faultsMs / 1000} s, ${options.agents} agents`);
  await cluster.start();
  say('all are up');
  await Promise.all([releaseWork(), ...plan.map(carryOut)]);
  await cluster.nodesRun();
  for (const name of layout.frameworks) new WorkFiles(directory, name).finish();
  say('all is healed');
  const leftOver = [
    ...mishaps,
    ...(await untilRest()),
    ...(await untilEmpty(() => scopesLeft(cluster.place))),
  ];
  const evidence = await gather(cluster.place, { leftOver, lostAgents: cluster.rebooted });
  await cluster.endAgents();
  const behind = await untilEmpty(() => remains(cluster.place));
  return report(judge({ ...evidence, leftOver: [...evidence.leftOver, ...behind] }), evidence);
}

async function releaseWork(): Promise<void> {
  const startMs = performance.now();
  for (const item of drawWork(seed, layout.frameworks, faultsMs)) {
    await wait(Math.max(0, startMs + item.atMs - performance.now()));
    new WorkFiles(directory, item.framework).release(item);
  }
}

async function carryOut(fault: PlannedFault): Promise<void> {
  await wait(fault.atMs);
  const what = describeFault(fault);
  try {
    const names = await cluster.resolve(fault.target);
    const who = names[0] === fault.target ? '' : ` (${names.join(', ')})`;
    done.push(say(`${what}${who}`));
    await inflict({ run, layout, cluster }, fault, names);
  } catch (error) {
    mishaps.push(`a fault could not be done: ${what}: ${String(error)}`);
  }
}

/** What is still not done or free when the time is over; nothing when all is at rest. */
async function untilRest(): Promise<readonly string[]> {
  const deadlineMs = performance.now() + REST_LIMIT_MS;
  let open: readonly string[] = [];
  do {
    const busy = cluster.busyFrameworks.map((name) => `${name} has not left yet`);
    const before = open.join('; ');
    open = busy.length > 0 ? busy : await unrest(cluster.place).catch(toldAs);
    if (open.length > 0 && open.join('; ') !== before) say(`waits: ${open.join('; ')}`);
    if (open.length === 0) {
      say('all is at rest');
      return [];
    }
    await wait(LOOK_MS);
  } while (performance.now() < deadlineMs);
  return open.map((what) => `not at rest after ${REST_LIMIT_MS / 1000} s: ${what}`);
}

function toldAs(error: unknown): readonly string[] {
  return [String(error)];
}

async function untilEmpty(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const deadlineMs = performance.now() + REMAINS_LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found.length === 0 || performance.now() > deadlineMs) return found;
    await wait(LOOK_MS);
  }
}

type Gathered = Awaited<ReturnType<typeof gather>>;

function report(broken: readonly string[], { booked, frameworks, masters }: Gathered): number {
  const tasks = new Set(booked.map(({ framework, taskId }) => `${framework}/${taskId}`)).size;
  const pieces = frameworks.reduce((sum, { wanted }) => sum + wanted.length, 0);
  const runs = frameworks.reduce((sum, one) => sum + one.runs.length, 0);
  const sequence = masters[0]?.sequence ?? 0;
  say(
    `${pieces} pieces of work, ${tasks} tasks, ${runs} runs, ${done.length} faults, ${sequence} entries`,
  );
  if (broken.length === 0) {
    say(`all rules held, in ${Math.round((performance.now() - beganMs) / 1000)} s`);
    return 0;
  }
  print(`${broken.length} rules broke:`);
  for (const what of broken) print(`  ${what}`);
  print('what was done:');
  for (const line of done) print(`  ${line}`);
  return 1;
}

/** With the time since the begin. */
function say(text: string): string {
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1).padStart(6);
  const line = `${seconds} s  ${text}`;
  print(line);
  return line;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
  appendFileSync(path.join(directory, 'logs', 'lab.log'), `${new Date().toISOString()} ${line}\n`);
}
