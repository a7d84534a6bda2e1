// Tests which differences between agents' reports and the books are told, on real books: those that were true when the
// report was made, and no others.
import {
  aCluster,
  aFramework,
  anAgentId,
  type Effects,
  type ScriptedCluster,
  some,
} from '@parley/cluster/scripted-cluster';
import {
  aCommandTask,
  anExecutor,
  executorExits,
  launchAnswered,
  launchOf,
  raw,
  registers,
  taskRef,
} from '@parley/cluster/scripted-tasks';
import { beforeEach, expect, test } from 'vitest';
import { LiveClusterView } from './live-cluster-view.ts';
import { aMaster } from './scripted-master.ts';
import { TakeoverCensus } from './takeover-census.ts';

const agentId = anAgentId();
const framework = aFramework();
const t1 = taskRef(framework, 't1');
const never = taskRef(framework, 'never');
const custom = anExecutor();
const executor = { ...framework, executorId: custom.executorId };

let cluster: ScriptedCluster;
let census: TakeoverCensus;
beforeEach(() => {
  cluster = aCluster(some(20));
  launchAnswered(cluster, framework, launchOf(aCommandTask('t1')), { resources: some(1) });
  cluster.update(t1, 'running');
  census = new TakeoverCensus(new LiveClusterView(() => cluster.state));
  cluster.startTerm();
  census.begin([{ agentId }], [], 0);
});

const carriedOut = (effects: Effects) => census.carriedOut(effects, 1);
const differences = () => {
  const { unknownTasks, unknownExecutors, forgottenTasks } = census.now;
  return { unknownTasks, unknownExecutors, forgottenTasks };
};
const NONE = { unknownTasks: 0, unknownExecutors: 0, forgottenTasks: 0 };

test('a task whose end was read while a report that names it was under way is no difference', () => {
  carriedOut(cluster.update(t1, 'finished'));
  carriedOut(registers(cluster, agentId, { tasks: [t1] }));
  expect(differences()).toEqual(NONE);
  expect(census.now.agentsHeard).toBe(1);
});

test('a task that nobody has heard of is one, and so is one that runs on another agent than it ran on', () => {
  carriedOut(registers(cluster, agentId, { tasks: [t1, never] }));
  expect(differences()).toEqual({ ...NONE, unknownTasks: 1 });
  const other = anAgentId('a2');
  carriedOut(cluster.update(t1, 'finished'));
  carriedOut(cluster.register(other, some(1), [{ task: t1, state: 'running', lastSequence: 1 }]));
  expect(differences()).toEqual({ ...NONE, unknownTasks: 2 });
});

test('a task that the leader itself has ended is one, when its agent still runs it', () => {
  const forgotten = registers(cluster, agentId, {});
  carriedOut(forgotten);
  carriedOut(cluster.readBack(forgotten));
  expect(differences()).toEqual({ ...NONE, forgottenTasks: 1 });
  carriedOut(registers(cluster, agentId, { tasks: [t1] }));
  expect(differences()).toEqual({ ...NONE, forgottenTasks: 1, unknownTasks: 1 });
});

test('an executor whose exit was told while a report that names it was under way is no difference', () => {
  const task = raw('t2', { executor: custom });
  launchAnswered(cluster, framework, launchOf(task), { resources: some(4) });
  carriedOut(cluster.update(taskRef(framework, 't2'), 'finished'));
  carriedOut(executorExits(cluster, framework));
  carriedOut(registers(cluster, agentId, { tasks: [t1], executors: [executor] }));
  expect(differences()).toEqual(NONE);
  const stranger = { ...framework, executorId: anExecutor({ executorId: 'e2' }).executorId };
  carriedOut(registers(cluster, agentId, { tasks: [t1], executors: [stranger] }));
  expect(differences()).toEqual({ ...NONE, unknownExecutors: 1 });
});

test('what an earlier leader found, and this one only writes down, is no difference of this term', () => {
  const { actor } = aMaster();
  const forgotten = registers(cluster, agentId, {});
  actor.begin(forgotten, 0);
  expect(actor.census.forgottenTasks).toBe(0);
  actor.carryOut(forgotten, 1);
  expect(actor.census.forgottenTasks).toBe(1);
});
