// Owns how a difference between two moments reads on a screen. It decides nothing.
import type { TaskState } from '@parley/protocol/tasks';
import { isTerminal } from '@parley/protocol/tasks';
import type { Change, Difference, TaskChange } from '@parley/replay/difference';
import type { StoredAt } from '@parley/replay/replay-source';
import { formatScalars } from '@parley/resources/format';
import { describeTasks, formatPercent } from '../cluster-summary.ts';
import { timeOf } from './line-page.ts';

/** Of each kind; `--json` has all. */
const SHOWN = 100;

/** Values of these are resources by name. */
const AMOUNTS: ReadonlySet<string> = new Set([
  'total',
  'allocated',
  'guarantee',
  'limit',
  'minAllocatable',
]);

export function describeDifference(
  from: StoredAt,
  to: StoredAt,
  { leader, agents, frameworks, tasks, shares }: Difference,
): string {
  const lines = [
    `from entry ${from.sequence} (${timeOf(from.storedMs)}) to entry ${to.sequence} (${timeOf(to.storedMs)})`,
    ...(leader === undefined ? [] : [`leader: ${changed(leader)}`]),
    ...section('agents', agents.map(changeLine)),
    ...section('frameworks', frameworks.map(changeLine)),
    ...section('what operators set', shares.map(changeLine)),
    ...section(taskHead(tasks), tasks.map(taskLine)),
  ];
  if (lines.length === 1) lines.push('nothing changed');
  return `${lines.join('\n')}\n`;
}

function section(head: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > SHOWN ? [`  and ${lines.length - SHOWN} more (--json has all)`] : [];
  return ['', head, ...lines.slice(0, SHOWN).map((line) => `  ${line}`), ...more];
}

function changeLine(change: Change): string {
  const { key, before, after } = change;
  if (before === undefined) return `+ ${key}: ${fields(after ?? {})}`;
  if (after === undefined) return `- ${key}`;
  return `~ ${key}: ${changed(change)}`;
}

function changed({ before = {}, after = {} }: Change): string {
  return Object.keys({ ...before, ...after })
    .map((name) => `${name} ${valueWords(name, before[name])} -> ${valueWords(name, after[name])}`)
    .join('; ');
}

const fields = (facts: Readonly<Record<string, unknown>>): string =>
  Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name} ${valueWords(name, value)}`)
    .join('; ');

function valueWords(name: string, value: unknown): string {
  if (value === undefined) return 'none';
  if (name === 'share' && typeof value === 'number') return formatPercent(value);
  if (name === 'weight' && typeof value === 'number') return String(value / 1000);
  if (AMOUNTS.has(name) && typeof value === 'object' && value !== null) {
    const amounts: Record<string, number> = {};
    for (const [resource, amount] of Object.entries(value)) amounts[resource] = Number(amount);
    return formatScalars(amounts).join(', ') || 'nothing';
  }
  return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
}

const taskLine = ({ task, agentId, before, states }: TaskChange): string =>
  `${before === undefined ? '+' : '~'} ${task} on ${agentId}: ${[...(before === undefined ? [] : [before]), ...states].join(' -> ')}`;

/** "tasks: 3 launched, 2 ended (finished 1 failed 1)". */
function taskHead(tasks: readonly TaskChange[]): string {
  const ended: Partial<Record<TaskState, number>> = {};
  let launched = 0;
  for (const { before, states } of tasks) {
    if (before === undefined && states[0] === 'staging') launched += 1;
    const last = states.at(-1);
    if (last !== undefined && isTerminal(last)) ended[last] = (ended[last] ?? 0) + 1;
  }
  const count = Object.values(ended).reduce((sum, one) => sum + one, 0);
  return `tasks: ${launched} launched, ${count} ended${count === 0 ? '' : ` (${describeTasks(ended)})`}`;
}
