// Tests that what is written about the HTTP API is what a gateway answers, in the repository and on the page for people.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderApiDocument } from './api-document.ts';
import { documentPage } from './document-page.ts';

test('infra/docs/openapi.json is the document of these routes', async () => {
  const kept = new URL('../../../../infra/docs/openapi.json', import.meta.url);
  // When it is not: node infra/docs/generate-reference.ts
  expect(readFileSync(kept, 'utf8')).toBe(await renderApiDocument());
});

test('the page shows every path of the document, and loads nothing from elsewhere', async () => {
  const document = JSON.parse(await renderApiDocument());
  const page = documentPage(document);
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const method of Object.keys(operations as object))
      expect(page).toContain(`<h2>${method.toUpperCase()} ${path}</h2>`);
  }
  expect(page).toContain('share: number');
  expect(page).not.toMatch(/(?:src|href)="(?!\/)|<script|url\(/);
});

test('what the document says is shown as text, whatever it is', () => {
  const page = documentPage({
    info: { title: '<b>' },
    paths: { '/<i>': { get: { summary: '"&<script>' } } },
  });
  expect(page).not.toMatch(/<b>|<i>|<script>/);
  expect(page).toContain('&quot;&amp;&lt;script&gt;');
});
