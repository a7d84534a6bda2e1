import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRIC_NAMES } from './metric-families.ts';
import { renderAlerts, renderDashboard, renderMetricReference } from './metric-reference.ts';

test.each([
  ['infra/docs/metric-families.md', renderMetricReference],
  ['infra/grafana/parley.json', renderDashboard],
  ['infra/grafana/alerts.yaml', renderAlerts],
] as const)('%s is what the table says', (file, render) => {
  const written = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
  expect(written, 'out of date: run "npm run docs"').toBe(render());
});

test('the page and the dashboard have every family, and the dashboard asks for no other', () => {
  const known = new Set<string>(METRIC_NAMES);
  const dashboard = renderDashboard();
  for (const name of METRIC_NAMES) {
    expect(renderMetricReference()).toContain(`| \`${name}\` |`);
    expect(dashboard).toContain(`"title": "${name}"`);
  }
  const asked = `${dashboard}${renderAlerts()}`.match(/\bparley_[a-z_]+/g) ?? [];
  const unknown = asked.filter((name) => !known.has(name.replace(/_bucket$/, '')));
  expect(unknown).toEqual([]);
});

test('panels do not lie upon each other, and have ids of their own', () => {
  const { panels } = JSON.parse(renderDashboard());
  const places = panels.map(
    ({ gridPos: { x, y } }: { gridPos: { x: number; y: number } }) => `${x} ${y}`,
  );
  expect(new Set(places).size).toBe(panels.length);
  expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
});
