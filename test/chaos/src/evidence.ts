// Owns gathering what a verdict needs from a cluster that has come to rest: the journal's story, the books, what masters
// say of themselves, the frameworks' diaries, traces of tasks, and what is still on the agents' hosts. It judges nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { catchUp } from '@parley/actor/load-replica';
import { Replica } from '@parley/actor/replica';
import { openOperatorLink } from '@parley/cli/operator-place';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { AgentId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isTerminal, TaskState } from '@parley/protocol/tasks';
import { equals } from '@parley/resources/resources';
import type { BookedChange, Evidence, FrameworkEvidence, MasterEvidence } from './judge.ts';
import { CLUSTER, type Layout, MASTERS } from './layout.ts';
import { pidsOf } from './network.ts';
import { WorkFiles } from './work.ts';

export type Place = {
  readonly run: string;
  readonly directory: string;
  readonly layout: Layout;
  /** Of the nodes themselves: whoever looks on is not disturbed. */
  readonly servers: readonly string[];
  readonly operatorCredential: string;
};

/** One connection for one look: whatever was cut before is not in the way. */
async function lookOn<Value>(
  { servers, operatorCredential }: Place,
  look: (link: OperatorLink) => Promise<Value>,
): Promise<Value> {
  const context = { version: 1, name: CLUSTER, cluster: CLUSTER } as const;
  const link = await openOperatorLink({ ...context, servers: [...servers], operatorCredential });
  try {
    return await look(link);
  } finally {
    await link.close();
  }
}

/** What is not done or not free yet, in the books, a sentence each. Fails while nobody answers. */
export async function unrest(place: Place): Promise<readonly string[]> {
  const { state, masters } = await lookOn(place, async (link) => ({
    state: (await link.load()).state,
    masters: await mastersOf(link),
  }));
  return [...openEntries(state), ...heldResources(state, place.layout), ...apart(masters)];
}

export async function gather(
  place: Place,
  seen: Pick<Evidence, 'leftOver' | 'lostAgents'>,
): Promise<Evidence> {
  const frameworks = place.layout.frameworks.map((name) => evidenceOf(place.directory, name));
  return lookOn(place, async (link) => {
    const masters = await comparedMasters(link, place.layout);
    const sequence = masters[0]?.mark?.sequence ?? 0;
    return {
      booked: await bookedChanges(link),
      frameworks,
      masters,
      masterCount: MASTERS.length,
      replayedHash: await replayedHash(link, sequence),
      lostAgents: seen.lostAgents,
      leftOver: [...(await stillThere(link, place)), ...seen.leftOver],
    };
  });
}

async function stillThere(link: OperatorLink, { layout }: Place): Promise<readonly string[]> {
  const { state } = await link.load();
  return [...openEntries(state), ...heldResources(state, layout)];
}

/** Tables of the books that are empty when nothing goes on. */
function openEntries(state: ClusterState): string[] {
  const { tasks, offers, orders, executors, unwritten, frameworkEvents, revocations } = state;
  const tables = { tasks, offers, orders, executors, unwritten, frameworkEvents, revocations };
  return Object.entries(tables).flatMap(([name, { size }]) =>
    size === 0 ? [] : [`${size} ${name} are left in the books`],
  );
}

function heldResources(state: ClusterState, { agents }: Layout): string[] {
  const known = [...state.agents.rows()];
  const missing = agents.filter((id) => !known.some(({ agentId }) => agentId === id));
  const held = known.flatMap((agent) => {
    if (agent.state !== 'registered') return [`agent ${agent.agentId} is ${agent.state}`];
    const isFree = equals(state.books.free(agent), agent.total);
    return isFree ? [] : [`not all of agent ${agent.agentId} is free`];
  });
  return [...missing.map((id) => `agent ${id} is not in the books`), ...held];
}

/** Masters that have not stepped the same yet. */
function apart(masters: readonly MasterEvidence[]): string[] {
  const sequences = new Set(masters.map(({ sequence, lagEntries }) => sequence + lagEntries));
  const isTogether =
    masters.length === MASTERS.length &&
    sequences.size === 1 &&
    masters.every(({ lagEntries }) => lagEntries === 0);
  return isTogether
    ? []
    : [`masters are at ${masters.map(({ id, sequence }) => `${id} ${sequence}`)}`];
}

/** States are compared at every 64th entry: so many calls, which change nothing in the end, go beyond one. */
const MAX_CALLS = 160;
const CALLS_AT_A_TIME = 16;
const SETTLE_LIMIT_MS = 20_000;
const LOOK_MS = 100;

/** One that came back just now has compared nothing yet: entries are made until all have, at the same one. */
async function comparedMasters(
  link: OperatorLink,
  { agents }: Layout,
): Promise<readonly MasterEvidence[]> {
  const agentId = AgentId.parse(agents[0]);
  const caller = { operator: link.operator };
  for (let calls = 0; calls < MAX_CALLS; calls += 1) {
    if (calls % CALLS_AT_A_TIME === 0) {
      const masters = await mastersOf(link);
      const marks = new Set(masters.map(({ mark }) => mark?.sequence));
      if (apart(masters).length === 0 && marks.size === 1 && !marks.has(undefined)) return masters;
    }
    const change = calls % 2 === 0 ? 'deactivate' : 'reactivate';
    const changed = await link.callLeader(SUBJECTS.operatorAgent, caller, { agentId, change });
    if (!changed.ok) throw new Error(`a call was refused: ${changed.failure.message}`);
  }
  return settledMasters(link);
}

async function settledMasters(link: OperatorLink): Promise<readonly MasterEvidence[]> {
  const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const masters = await mastersOf(link);
    if (apart(masters).length === 0 || performance.now() > deadlineMs) return masters;
    await wait(LOOK_MS);
  }
}

async function mastersOf(link: OperatorLink): Promise<readonly MasterEvidence[]> {
  const list = await link.call(SUBJECTS.masterList, { operator: link.operator }, {});
  if (!list.ok) throw new Error(`no master answers: ${list.failure.message}`);
  return list.value.masters.map(({ id, phase, books }) => ({
    id,
    phase,
    sequence: books?.sequence ?? 0,
    lagEntries: books?.lagEntries ?? 0,
    differences: books?.differences ?? 0,
    isFit: books?.isFit ?? true,
    mark: books?.mark,
  }));
}

async function bookedChanges(link: OperatorLink): Promise<readonly BookedChange[]> {
  const { events } = await link.loadWithHistory();
  return events.flatMap(({ event }) => {
    if (event.type !== 'taskStateChanged') return [];
    const { task, agentId, to, reason } = event;
    const { frameworkId: framework, taskId } = task;
    return [{ framework, taskId, agentId, to, isTerminal: isTerminal(to), reason }];
  });
}

async function replayedHash(link: OperatorLink, upTo: number): Promise<string | undefined> {
  const replica = new Replica(clusterCore);
  const read = await catchUp(link.source(), replica, upTo, () => undefined);
  return read.ok && replica.sequence === upTo ? clusterCore.hash(replica.state) : undefined;
}

function evidenceOf(directory: string, framework: string): FrameworkEvidence {
  const files = new WorkFiles(directory, framework);
  const told = files.told().map((line) => {
    const state = TaskState.safeParse(line.state);
    return { ...line, isTerminal: state.success && isTerminal(state.data) };
  });
  return { framework, wanted: files.released(), told, runs: files.runs() };
}

/** Scopes of tasks that live on an agent's host, while the agent still runs. */
export async function scopesLeft({ run, layout }: Place): Promise<readonly string[]> {
  const found = await Promise.all(
    layout.agents.map(async (agent) => {
      const scopes = (await pidsOf(run, agent)).flatMap(scopesOf);
      return [...new Set(scopes)].map((scope) => `scope ${scope} is left on ${agent}`);
    }),
  );
  return found.flat();
}

const TASK_SCOPE = /\/(parley-[^/\n]+\.scope)/;

function scopesOf(pid: number): string[] {
  try {
    const scope = TASK_SCOPE.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
    return scope === undefined ? [] : [scope];
  } catch {
    // It has ended since.
    return [];
  }
}

/** Processes on agents' hosts and cgroups of their systemds, after the agents were told to end. */
export async function remains({ run, layout }: Place): Promise<readonly string[]> {
  const processes = await Promise.all(
    layout.agents.map(async (agent) =>
      (await pidsOf(run, agent)).map((pid) => `process ${commandOf(pid)} is left on ${agent}`),
    ),
  );
  const groups = layout.agents.flatMap(groupsOf).map((group) => `cgroup ${group} is left`);
  return [...processes.flat(), ...groups];
}

function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    return `${pid} (${words.join(' ')})`;
  } catch {
    return String(pid);
  }
}

const CGROUPS = '/sys/fs/cgroup';
const CGROUP_DEPTH = 4;

function groupsOf(agent: string): readonly string[] {
  return groupsBelow(CGROUPS, CGROUP_DEPTH).filter((group) => group.includes(`parley-${agent}-`));
}

function groupsBelow(directory: string, depth: number): readonly string[] {
  if (depth === 0 || !existsSync(directory)) return [];
  const names = readdirSync(directory, { withFileTypes: true });
  return names
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const group = path.join(directory, name);
      return [group, ...groupsBelow(group, depth - 1)];
    });
}
