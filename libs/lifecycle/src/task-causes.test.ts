// Tests the table of causes: all that agents tell are in it, each with a reason that goes with a failed task.
import { readFileSync } from 'node:fs';
import { CAUSE_KINDS, TaskCause } from '@parley/protocol/task-causes';
import { StatusUpdate } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { type CauseMeaning, TASK_CAUSES } from './task-causes.ts';
import { type ReasonMeaning, TASK_REASONS } from './task-reasons.ts';

const causes: readonly (readonly [string, CauseMeaning])[] = Object.entries(TASK_CAUSES);
const reasons: Readonly<Record<string, ReasonMeaning>> = TASK_REASONS;

test('every cause has a meaning and a remedy in a sentence, and a reason that an agent gives with `failed`', () => {
  expect(causes.map(([kind]) => kind).sort()).toEqual([...CAUSE_KINDS].sort());
  for (const [kind, { meaning, remedy, with: named }] of causes) {
    expect(meaning, kind).toMatch(/^[A-Z].*\.$/);
    expect(remedy, kind).toMatch(/^[A-Z].*\.$/);
    expect(named.every((reason) => reasons[reason]?.states.agent?.includes('failed'))).toBe(true);
  }
});

test('a cause that a reader does not know spoils no update', () => {
  const update = StatusUpdate.parse({
    task: { principal: 'p', frameworkId: 'f', taskId: 't' },
    ...{ agentId: 'a1', source: 'agent', sequence: 1, state: 'failed', wallTimeMs: 1 },
    cause: { kind: 'somethingOfTomorrow', limit: 1, peak: 2, more: true },
  });
  expect(update.cause).toEqual({ kind: 'somethingOfTomorrow', limit: 1, peak: 2 });
  expect(TaskCause.safeParse({ kind: 'no kind at all' }).success).toBe(false);
});

test('infra/docs/limits.md tells every cause, with what its numbers count', () => {
  const page = readFileSync(new URL('../../../infra/docs/limits.md', import.meta.url), 'utf8');
  for (const [kind, { unit = '' }] of causes) {
    expect(page).toMatch(new RegExp(`^\\| \`${kind}\` \\| .* \\| ?${unit} ?\\|$`, 'm'));
  }
});
