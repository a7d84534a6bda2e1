// Owns random launches under executors and random calls about tasks, executors and agents for property tests: what may
// be asked of a state as it is, and now and then what makes no sense in it. Other inputs are in random-inputs.ts.
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn, tasksOfExecutor } from './executor-book.ts';
import { type Dice, units } from './random-calls.ts';
import type { ExecutorRecord } from './records.ts';
import { aTask } from './scripted-cluster.ts';

const pick = <T>(items: readonly T[], roll: Dice): T | undefined =>
  items[roll(Math.max(1, items.length))];

/** Two ids, so that they meet; now and then described otherwise than before. */
function randomExecutor(roll: Dice, kind: 'custom' | 'default'): unknown {
  const command = { argv: [roll(12) === 0 ? 'other' : 'executor'] };
  return {
    executorId: `${kind}${roll(2)}`,
    kind,
    resources: roll(3) === 0 ? units(1) : {},
    ...((kind === 'custom') === roll(20) > 0 && { command }),
  };
}

function taskOf(roll: Dice, isCommand: boolean): unknown {
  const { command, ...task } = aTask(`t${roll(30)}`, units(1 + roll(2)));
  return {
    ...task,
    ...((isCommand || roll(20) === 0) && { command }),
    ...(roll(30) === 0 && { killGraceMs: -1 }),
    ...(roll(12) === 0 && { revocable: true }),
  };
}

/** Tasks of a custom executor, or a group under an executor of either kind. */
export function randomLaunch(roll: Dice): Record<string, unknown> {
  const kind = roll(2) === 0 ? 'custom' : 'default';
  if (roll(2) === 0) {
    const executor = randomExecutor(roll, 'custom');
    const tasks = Array.from({ length: 1 + roll(2) }, () => ({
      ...(taskOf(roll, false) as object),
      executor,
    }));
    return { kind: 'launch', tasks };
  }
  const tasks = Array.from({ length: 1 + roll(3) }, () => taskOf(roll, kind === 'default'));
  // All of a group are, or none.
  if (roll(3) === 0) for (const task of tasks) Object.assign(task as object, { revocable: true });
  return { kind: 'launchGroup', executor: randomExecutor(roll, kind), tasks };
}

/** What a framework asks about its tasks, executors and events. */
export function randomTaskCall(state: ClusterState, framework: FrameworkRef, roll: Dice): unknown {
  const taskId = `t${roll(30)}`;
  const agentId = `a${1 + roll(3)}`;
  switch (roll(5)) {
    case 0: {
      const guard = roll(3) === 0 && { agentId };
      const graceMs = roll(2) === 0 && { graceMs: roll(9000) };
      return { verb: 'killTask', body: { taskId, ...guard, ...graceMs } };
    }
    case 1: {
      const tasks = Array.from({ length: roll(4) }, () => ({ taskId: `t${roll(30)}`, agentId }));
      return { verb: 'reconcile', body: roll(2) === 0 ? { tasks } : { after: taskId } };
    }
    case 2: {
      const lastEventId = state.frameworks.get(frameworkKey(framework))?.lastEventId ?? 0;
      const upTo = Math.max(1, lastEventId + 1 - roll(4));
      return { verb: 'acknowledgeEvents', body: { upTo } };
    }
    default: {
      const key = frameworkKey(framework);
      const own = [...state.executors.rows()].filter((one) => frameworkKey(one.executor) === key);
      const record = pick(own, roll);
      const executorId = record?.executor.executorId ?? 'none';
      const body = { agentId: record?.agentId ?? agentId, executorId };
      return { verb: 'shutdownExecutor', body };
    }
  }
}

/** Executors that an agent names when it registers: most that the books know, now and then another one. */
export function randomExecutors(state: ClusterState, agentId: AgentId, roll: Dice): unknown[] {
  const named: unknown[] = executorsOn(state, agentId)
    .filter(({ description }) => description.kind === 'custom' && roll(4) > 0)
    .map(({ executor }) => executor);
  if (roll(6) === 0) named.push({ principal: 'alice', frameworkId: 'f1', executorId: 'custom0' });
  return named;
}

/** The end of an executor as its agent tells it: of all tasks that it had been given, or of some. */
export function randomExit(state: ClusterState, roll: Dice): { agentId: string; body: unknown } {
  const record: ExecutorRecord | undefined = pick([...state.executors.rows()], roll);
  if (record === undefined) {
    const executor = { principal: 'alice', frameworkId: 'f1', executorId: 'custom0' };
    return { agentId: 'a1', body: { executor, end: 'exited' } };
  }
  const tasks = tasksOfExecutor(state, record)
    .filter(({ runOrder }) => runOrder === undefined || roll(2) === 0)
    .map(({ task }) => task.taskId);
  const body = { executor: record.executor, end: 'exited', exitCode: roll(3), tasks };
  return { agentId: record.agentId, body };
}

/** Rarely gone: there are not many agents. */
export function randomAgentChange(roll: Dice): unknown {
  const change =
    roll(8) === 0
      ? 'gone'
      : (['deactivate', 'reactivate', 'drain', 'reactivate'] as const)[roll(4)];
  const emptying = change === 'drain' && roll(2) === 0 && { emptying: { graceMs: roll(3) * 1000 } };
  const body = { agentId: `a${1 + roll(3)}`, change, reason: 'service', ...emptying };
  return { verb: 'operatorAgent', body };
}

/** Windows that overlap, that begin at once, and that are over before they begin. */
export function randomMaintenance(roll: Dice): unknown {
  const windowId = `w${roll(3)}`;
  const change = (['schedule', 'schedule', 'start', 'stop', 'cancel'] as const)[roll(5)];
  if (change !== 'schedule') return { verb: 'operatorMaintenance', body: { change, windowId } };
  const agents = [...new Set([`a${1 + roll(3)}`, `a${1 + roll(3)}`])];
  const times = { startWallTimeMs: roll(60), durationMs: 1000, noticeMs: roll(30) };
  const window = { windowId, agents, ...times, graceMs: roll(2) * 1000 };
  return { verb: 'operatorMaintenance', body: { change, window } };
}
