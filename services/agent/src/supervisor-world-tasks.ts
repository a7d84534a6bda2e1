// Owns which tasks there are in the world of the supervisor's property tests, and what is special about each. What happens
// to them is in supervisor-world.ts.
import { ExecutorDescription } from '@parley/protocol/executor-description';
import {
  FrameworkRef,
  PrincipalName,
  RoleName,
  type TaskKey,
  TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';

export const principal = PrincipalName.parse('team');
export const ROLE = RoleName.parse('a');
export const framework = FrameworkRef.parse({ principal, frameworkId: 'fw' });

/** Tasks by themselves, then the tasks of one group. */
export const TASKS = 7;
const FIRST_OF_GROUP = 4;
export const isOfGroup = (index: number): boolean => index >= FIRST_OF_GROUP;
/** One of the tasks may run only so long; another ends when its health check fails. */
const LIMITED = 1;
const CHECKED = 2;
const LIMITED_IN_GROUP = 6;
export const MAX_COMPLETION_MS = 7000;
export const refOf = (index: number): TaskRef =>
  TaskRef.parse({ ...framework, taskId: `t${index}` });
export const keyOf = (index: number): TaskKey => taskKey(refOf(index));

export const groupIndexes = Array.from(
  { length: TASKS - FIRST_OF_GROUP },
  (_, index) => FIRST_OF_GROUP + index,
);
/** Those with a longest time to run. */
export const limitedKeys: readonly TaskKey[] = [LIMITED, LIMITED_IN_GROUP].map(keyOf);
export const groupKeys: readonly TaskKey[] = groupIndexes.map(keyOf);
export const POD = ExecutorDescription.parse({ executorId: 'pod', kind: 'default' });

export function aDescription(index: number): TaskDescription {
  const probe = { kind: 'tcp', port: 1 } as const;
  return TaskDescription.parse({
    taskId: refOf(index).taskId,
    resources: {},
    command: { argv: ['true'] },
    outputs: index % 2 === 0 ? [{ object: 'o', path: 'o' }] : [],
    ...((index === LIMITED || index === LIMITED_IN_GROUP) && {
      maxCompletionMs: MAX_COMPLETION_MS,
    }),
    ...(index === CHECKED && {
      healthCheck: { probe, delayMs: 0, intervalMs: 500, gracePeriodMs: 0, failures: 2 },
    }),
  });
}
