import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderSubjectReference } from './subject-reference.ts';
import { SUBJECTS } from './subjects.ts';

it('infra/docs/subjects.md is what the subject table says', () => {
  const page = new URL('../../../infra/docs/subjects.md', import.meta.url);
  const written = readFileSync(page, 'utf8');
  expect(written, 'out of date: run "npm run docs"').toBe(renderSubjectReference());
});

it('the page names every kind, subject and field', () => {
  const page = renderSubjectReference();
  for (const { kind, pattern } of Object.values(SUBJECTS)) {
    expect(page).toContain(`### ${kind}\n`);
    expect(page).toContain(`\`${pattern}\``);
  }
  expect(page).toContain('`offers` (list of [Offer](#offer))');
});
