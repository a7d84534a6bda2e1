// Owns how `parley task inspect` reads on a screen. What causes and reasons mean is in @parley/lifecycle.
import { type CauseMeaning, TASK_CAUSES } from '@parley/lifecycle/task-causes';
import { type ReasonMeaning, TASK_REASONS } from '@parley/lifecycle/task-reasons';
import type { TaskCause } from '@parley/protocol/task-causes';
import { shownText } from './shown-text.ts';
import type { ShownTask } from './task-table.ts';

type Fact = readonly [name: string, value: string];

const CAUSES: ReadonlyMap<string, CauseMeaning> = new Map(Object.entries(TASK_CAUSES));
const REASONS: ReadonlyMap<string, ReasonMeaning> = new Map(Object.entries(TASK_REASONS));

export function describeTask(task: ShownTask): string {
  const { cause, exitCode, signal } = task;
  const facts: Fact[] = [
    ['task', task.task],
    ['name', task.name],
    ['state', task.state],
    ['agent', task.agent],
    ['requested', `${task.cpus} CPUs, ${task.memory}${task.isRevocable ? ' (revocable)' : ''}`],
    ['reason', explained(task.reason, REASONS.get(task.reason)?.meaning)],
    ['cause', cause === undefined ? '' : describeCause(cause)],
    ['what helps', cause === undefined ? '' : (CAUSES.get(cause.kind)?.remedy ?? '')],
    ['exit code', exitCode === undefined ? '' : String(exitCode)],
    ['signal', signal ?? ''],
    ['its agent says', task.message],
  ];
  const told = facts.filter(([, value]) => value !== '');
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${name.padEnd(width)}  ${shownText(value)}\n`).join('');
}

function describeCause({ kind, limit, peak }: TaskCause): string {
  const known = CAUSES.get(kind);
  const unit = known?.unit === undefined ? '' : ` ${known.unit}`;
  const numbers = [
    ...(limit === undefined ? [] : [`limit ${limit}${unit}`]),
    ...(peak === undefined ? [] : [`highest ${peak}${unit}`]),
  ];
  const text = explained(kind, known?.meaning);
  return numbers.length === 0 ? text : `${text} (${numbers.join(', ')})`;
}

/** What a newer release tells has no meaning here: its name stands alone. */
function explained(name: string, meaning: string | undefined): string {
  return meaning === undefined ? name : `${name}: ${meaning}`;
}
