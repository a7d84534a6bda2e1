import { readFileSync } from 'node:fs';
import { TaskReason, TaskState } from '@parley/protocol/tasks';
import { expect, it } from 'vitest';
import { renderStateReference } from './state-reference.ts';

it('infra/docs/task-states.md is what the machines and tables say', () => {
  const page = new URL('../../../infra/docs/task-states.md', import.meta.url);
  const written = readFileSync(page, 'utf8');
  expect(written, 'out of date: run "npm run docs"').toBe(renderStateReference());
});

it('the page names every state and every reason of a task', () => {
  const page = renderStateReference();
  for (const word of [...TaskState.options, ...TaskReason.options]) {
    expect(page).toContain(`| \`${word}\` |`);
  }
});
