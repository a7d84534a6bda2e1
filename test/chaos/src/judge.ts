// Owns the verdict on a run: from what the journal says, what frameworks were told, what tasks left behind and what is left
// on the hosts, each rule that was broken as a sentence. Pure: gathering all this is evidence.ts.
import { readTaskId } from '@parley/scheduler-sdk/framework-task-id';

/** Entries of the journal from one comparison of states to the next. */
const COMPARED_EVERY = 64;

/** A change of a task's state as the journal has it, in its order. */
export type BookedChange = {
  readonly framework: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly to: string;
  readonly isTerminal: boolean;
  readonly reason?: string | undefined;
};
export type FrameworkEvidence = {
  readonly framework: string;
  readonly wanted: readonly { readonly key: string; readonly members: number }[];
  readonly told: readonly {
    readonly key: string;
    readonly taskId?: string | undefined;
    readonly state: string;
    readonly isTerminal: boolean;
    readonly isOver: boolean;
  }[];
  /** Task ids, one for each execution. */
  readonly runs: readonly string[];
};
export type MasterEvidence = {
  readonly id: string;
  readonly phase: string;
  readonly sequence: number;
  readonly lagEntries: number;
  readonly differences: number;
  readonly isFit: boolean;
  readonly mark?: { readonly sequence: number; readonly hash: string } | undefined;
};
export type Evidence = {
  readonly booked: readonly BookedChange[];
  readonly frameworks: readonly FrameworkEvidence[];
  readonly masters: readonly MasterEvidence[];
  readonly masterCount: number;
  /** What the state, stepped anew from the journal's first entry, hashes to at the entry of the masters' mark. */
  readonly replayedHash: string | undefined;
  /** What is not free, not done or not gone, a sentence each. */
  readonly leftOver: readonly string[];
  /** Their hosts were reset, and whatever ran there ended with them. */
  readonly lostAgents: ReadonlySet<string>;
};

export function judge(evidence: Evidence): readonly string[] {
  const { booked, frameworks, leftOver } = evidence;
  const lost = lostAttempts(evidence);
  return [
    ...judgeEnds(booked),
    ...frameworks.flatMap((one) => [...judgeTold(one, booked), ...judgeRuns(one, lost)]),
    ...judgeMasters(evidence),
    ...leftOver,
  ];
}

/** Every accepted task has exactly one terminal state, and nothing after it. */
function judgeEnds(booked: readonly BookedChange[]): string[] {
  const ends = new Map<string, string[]>();
  const broken: string[] = [];
  for (const { framework, taskId, to, isTerminal } of booked) {
    const task = `${framework}/${taskId}`;
    const before = ends.get(task) ?? [];
    if (before.length > 0) broken.push(`task ${task} was ${before[0]} and became ${to}`);
    ends.set(task, isTerminal ? [...before, to] : before);
  }
  for (const [task, states] of ends) {
    if (states.length === 0) broken.push(`task ${task} was accepted and never ended`);
  }
  return broken;
}

/** A framework hears one end of a task, the one in the journal. */
function judgeTold(
  { framework, told }: FrameworkEvidence,
  booked: readonly BookedChange[],
): string[] {
  const ends = new Map(
    booked
      .filter((change) => change.framework === framework && change.isTerminal)
      .map(({ taskId, to }) => [taskId, to]),
  );
  const heard = new Map<string, Set<string>>();
  for (const { taskId, state, isTerminal } of told) {
    if (taskId === undefined || !isTerminal) continue;
    heard.set(taskId, (heard.get(taskId) ?? new Set()).add(state));
  }
  const broken: string[] = [];
  for (const [taskId, states] of heard) {
    const booking = ends.get(taskId);
    const all = [...states].join(' and ');
    if (states.size > 1) broken.push(`${framework} was told that ${taskId} is ${all}`);
    // A launch that came to nothing is told by the SDK itself; the master never heard of the task.
    else if (booking !== undefined && booking !== all)
      broken.push(
        `${framework} was told that ${taskId} is ${all}, in the journal it is ${booking}`,
      );
    else if (booking === undefined && all !== 'dropped')
      broken.push(`${framework} was told that ${taskId} is ${all}, the journal does not know it`);
  }
  return broken;
}

/** Attempts that ended with their agent's host: the work has to run again. Of a group that is all of it. */
function lostAttempts({ booked, lostAgents }: Evidence): ReadonlySet<string> {
  const isLost = ({ isTerminal, to, agentId }: BookedChange): boolean =>
    isTerminal && to !== 'finished' && lostAgents.has(agentId);
  return new Set(booked.filter(isLost).map(({ taskId }) => attemptOf(taskId)));
}

/** Without the member of a group. */
const attemptOf = (taskId: string): string => taskId.replace(/x\d+$/, '');

/** Each piece of work is over, and each of its members ran once, beside attempts that were lost with a host. */
function judgeRuns(
  { framework, wanted, told, runs }: FrameworkEvidence,
  lost: ReadonlySet<string>,
): string[] {
  const broken: string[] = [];
  const count = new Map<string, number>();
  for (const taskId of runs) count.set(taskId, (count.get(taskId) ?? 0) + 1);
  for (const [taskId, times] of count) {
    if (times > 1) broken.push(`task ${framework}/${taskId} ran ${times} times`);
  }
  const counted = [...count.keys()].filter((taskId) => !lost.has(attemptOf(taskId)));
  const tasksOf = Map.groupBy(counted, (taskId) => readTaskId(taskId)?.token ?? taskId);
  const over = new Map(told.filter(({ isOver }) => isOver).map((line) => [line.key, line.state]));
  for (const { key, members } of wanted) {
    const state = over.get(key);
    const tasks = tasksOf.get(key) ?? [];
    const what = `work ${key}`;
    if (state === undefined) broken.push(`${what} is not over`);
    else if (state !== 'finished') broken.push(`${what} ended as ${state}`);
    if (tasks.length < members) broken.push(`${what} ran ${tasks.length} of ${members} times`);
    if (tasks.length > members)
      broken.push(`${what} ran ${tasks.length} times in place of ${members}: ${tasks.join(', ')}`);
  }
  return broken;
}

/** All masters hold the same books, and stepping the journal anew leads to the same. */
function judgeMasters({ masters, masterCount, replayedHash }: Evidence): string[] {
  const broken: string[] = [];
  if (masters.length !== masterCount)
    broken.push(`${masters.length} masters are heard in place of ${masterCount}`);
  if (masters.filter(({ phase }) => phase === 'leading').length !== 1)
    broken.push(`not one master leads: ${masters.map(({ id, phase }) => `${id} ${phase}`)}`);
  for (const { id, differences, isFit } of masters) {
    if (differences > 0 || !isFit)
      broken.push(`the state of ${id} was another one than the leader's ${differences} times`);
  }
  const marks = new Set(masters.map(({ mark }) => `${mark?.sequence} ${mark?.hash}`));
  if (marks.size > 1)
    broken.push(`the masters' states differ: ${[...marks].join(', ')} (entry, hash)`);
  const [mark] = masters.map((master) => master.mark);
  if (mark === undefined && masters.some(({ sequence }) => sequence >= COMPARED_EVERY))
    broken.push(`no state was compared in ${masters[0]?.sequence} entries`);
  if (mark !== undefined && replayedHash !== mark.hash)
    broken.push(
      `the journal leads to state ${replayedHash} at ${mark.sequence}, masters have ${mark.hash}`,
    );
  return broken;
}
