// Owns what is made of the table of families for people: the reference page, a Grafana dashboard, alert rules for Prometheus.
// infra/docs/generate-reference.ts writes them; a test fails when the committed copies are out of date.
import {
  familyOf,
  METRIC_NAMES,
  type MetricFamily,
  type MetricName,
  type MetricService,
} from './metric-families.ts';

const SERVICES: readonly MetricService[] = ['master', 'allocator', 'agent', 'gateway'];
const namesOf = (service: MetricService): MetricName[] =>
  METRIC_NAMES.filter((name) => familyOf(name).services.includes(service));

export function renderMetricReference(): string {
  const sections = SERVICES.map((service) => {
    const rows = namesOf(service).map((name) => {
      const { type, labels = [], help } = familyOf(name);
      const shown = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
    });
    return [`## ${service}`, '', '| family | type | labels | |', '|---|---|---|---|', ...rows].join(
      '\n',
    );
  });
  return `<!-- Made by "npm run docs" from libs/telemetry/src/metric-families.ts and metric-reference.ts: change those. -->
# What the services measure

How to look at it is in [metrics.md](metrics.md). Beside these each service tells the usual families of a Node process, \`process_…\` and \`nodejs_…\`
(CPU, memory, delay of the event loop, garbage collection). Of a histogram, \`…_bucket\`, \`…_sum\` and \`…_count\` are told.

${sections.join('\n\n')}

## Alert rules

[\`infra/grafana/alerts.yaml\`](../grafana/alerts.yaml), for Prometheus's \`rule_files\`:

| alert | after | |
|---|---|---|
${ALERTS.map(({ name, wait, summary }) => `| \`${name}\` | ${wait} | ${summary} |`).join('\n')}
`;
}

const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 7;
const PANELS_A_ROW = 3;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** One panel a family, a row a service. */
export function renderDashboard(): string {
  let y = 0;
  let id = 0;
  const nextId = (): number => {
    id += 1;
    return id;
  };
  const panels = SERVICES.flatMap((service) => {
    const names = namesOf(service);
    const row = { id: nextId(), type: 'row', title: service, collapsed: false, panels: [] };
    const placed = { ...row, gridPos: { x: 0, y, w: PANEL_WIDTH * PANELS_A_ROW, h: 1 } };
    const top = y + 1;
    y = top + Math.ceil(names.length / PANELS_A_ROW) * PANEL_HEIGHT;
    return [placed, ...names.map((name, index) => panelOf(name, { id: nextId(), index, top }))];
  });
  const dashboard = {
    title: 'Parley',
    uid: 'parley',
    tags: ['parley'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    panels,
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

function panelOf(
  name: MetricName,
  { id, index, top }: { readonly id: number; readonly index: number; readonly top: number },
): object {
  const family = familyOf(name);
  const x = (index % PANELS_A_ROW) * PANEL_WIDTH;
  const y = top + Math.floor(index / PANELS_A_ROW) * PANEL_HEIGHT;
  return {
    ...{ id, type: 'timeseries', title: name, description: family.help, datasource: DATASOURCE },
    gridPos: { x, y, w: PANEL_WIDTH, h: PANEL_HEIGHT },
    fieldConfig: { defaults: { unit: unitOf(name), min: 0 }, overrides: [] },
    targets: queriesOf(name, family).map(({ expression, legend }, position) => ({
      ...{ refId: 'ABC'[position], datasource: DATASOURCE, expr: expression },
      legendFormat: legend,
    })),
  };
}

type Query = { readonly expression: string; readonly legend: string };

function queriesOf(name: MetricName, { type, labels = [] }: MetricFamily): Query[] {
  const by = labels.join(', ');
  const legend = labels.map((label) => `{{${label}}}`).join(' ') || '{{instance}}';
  switch (type) {
    case 'counter':
      return [{ expression: `sum by (${by || 'instance'}) (rate(${name}[1m]))`, legend }];
    case 'gauge':
      return [{ expression: labels.length === 0 ? name : `max by (${by}) (${name})`, legend }];
    case 'histogram':
      return [0.5, 0.99].map((quantile) => ({
        expression: `histogram_quantile(${quantile}, sum by (le) (rate(${name}_bucket[5m])))`,
        legend: `${quantile * 100} %`,
      }));
  }
}

function unitOf(name: MetricName): string {
  if (name.endsWith('_seconds')) return 's';
  if (name.endsWith('_bytes')) return 'bytes';
  if (/_(share|utilisation)$/.test(name)) return 'percentunit';
  return name.endsWith('_total') ? 'ops' : 'short';
}

type Alert = {
  readonly name: string;
  readonly expression: (family: (name: MetricName) => string) => string;
  /** How long it has to be so. */
  readonly wait: string;
  readonly severity: 'page' | 'warning';
  readonly summary: string;
};

const ALERTS: readonly Alert[] = [
  {
    name: 'ParleyNoLeader',
    expression: (of) =>
      `sum(${of('parley_master_leader')}) < 1 or absent(${of('parley_master_leader')})`,
    ...{ wait: '30s', severity: 'page' },
    summary: 'No master leads: nothing is launched; tasks go on',
  },
  {
    name: 'ParleyNoAllocator',
    expression: (of) =>
      `sum(${of('parley_allocator_in_step')}) < 1 or absent(${of('parley_allocator_in_step')})`,
    ...{ wait: '1m', severity: 'page' },
    summary: 'No allocator leads and knows the cluster: nothing is offered',
  },
  {
    name: 'ParleyJournalRefuses',
    expression: (of) =>
      `sum(rate(${of('parley_master_journal_appends_total')}{outcome=~"diskFull|unknown"}[1m])) > 0`,
    ...{ wait: '1m', severity: 'page' },
    summary:
      'The journal does not take what the master writes: look at the disks and the quorum of NATS',
  },
  {
    name: 'ParleyJournalSlow',
    expression: (of) =>
      `histogram_quantile(0.99, sum by (le) (rate(${of('parley_master_journal_append_seconds')}_bucket[5m]))) > 1`,
    ...{ wait: '5m', severity: 'warning' },
    summary: 'One append in a hundred takes longer than a second',
  },
  {
    name: 'ParleyAllocationSlow',
    expression: (of) =>
      `histogram_quantile(0.99, sum by (le) (rate(${of('parley_allocator_run_seconds')}_bucket[5m]))) > 1`,
    ...{ wait: '10m', severity: 'warning' },
    summary: 'One run of the allocator in a hundred takes longer than a second',
  },
  {
    name: 'ParleyAgentsUnreachable',
    expression: (of) => `${of('parley_cluster_agents')}{state="unreachable"} > 0`,
    ...{ wait: '5m', severity: 'warning' },
    summary: 'Agents are silent: their hosts, or the way to them, are down',
  },
  {
    name: 'ParleyTasksLost',
    expression: (of) =>
      `sum(increase(${of('parley_master_task_changes_total')}{state=~"gone|dropped"}[10m])) > 0`,
    ...{ wait: '1m', severity: 'warning' },
    summary: 'Tasks were lost with their agents, or never began',
  },
  {
    name: 'ParleyAgentCutOff',
    expression: (of) => `${of('parley_agent_connected')} == 0`,
    ...{ wait: '2m', severity: 'warning' },
    summary: 'An agent lives and does not have the bus',
  },
  {
    name: 'ParleyFrameworkStarves',
    expression: (of) =>
      `sum by (principal, framework) (${of('parley_framework_demanded_tasks')}) > 0 and sum by (principal, framework) (${of('parley_framework_dominant_share')}) == 0`,
    ...{ wait: '10m', severity: 'warning' },
    summary: 'A framework wants to launch tasks and has none: ask "parley explain"',
  },
  {
    name: 'ParleyGatewayStale',
    expression: (of) => `${of('parley_gateway_staleness_seconds')} > 5`,
    ...{ wait: '1m', severity: 'warning' },
    summary: 'A gateway shows an old state: it cannot read the journal',
  },
];

/** Prometheus's form of rules. */
export function renderAlerts(): string {
  const rules = ALERTS.map(({ name, expression, wait, severity, summary }) =>
    [
      `      - alert: ${name}`,
      `        expr: ${JSON.stringify(expression((family) => family))}`,
      `        for: ${wait}`,
      `        labels: { severity: ${severity} }`,
      `        annotations: { summary: ${JSON.stringify(summary)} }`,
    ].join('\n'),
  );
  return `# Made by "npm run docs" from libs/telemetry/src/metric-reference.ts: change that.
groups:
  - name: parley
    rules:
${rules.join('\n')}
`;
}
