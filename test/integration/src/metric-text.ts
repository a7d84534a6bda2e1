// Owns reading Prometheus's text format for tests, and complaining of what `promtool check metrics` would: no help, no type,
// samples apart from their family, twice the same one, counters without `_total`, histograms that do not add up.

export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};
export type Family = { readonly type: string; readonly help: string; readonly samples: Sample[] };

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Throws at the first line that is no such text. */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'HELP') helps.set(name, rest);
    else if (word === 'TYPE') {
      if (families.has(name)) throw new Error(`${name} stands twice`);
      families.set(name, { type: rest, help: helps.get(name) ?? '', samples: [] });
    } else addSample(line, families);
  }
  return families;
}

/** It belongs to the family that began last. */
function addSample(line: string, families: ReadonlyMap<string, Family>): void {
  const sample = parseSample(line);
  const [name, family] = [...families].at(-1) ?? [];
  if (name === undefined || family === undefined || !isOf(sample.name, name, family.type)) {
    throw new Error(`${line}: stands apart from its family`);
  }
  family.samples.push(sample);
}

/** Sentences. */
export function complaintsOf(families: ReadonlyMap<string, Family>): string[] {
  return [...families].flatMap(([name, { type, help, samples }]) => {
    const said: string[] = [];
    if (help === '') said.push(`${name} has no help`);
    if (!['counter', 'gauge', 'histogram', 'summary'].includes(type)) said.push(`${name}: ${type}`);
    if ((type === 'counter') !== name.endsWith('_total'))
      said.push(`${name}: _total is for counters`);
    const keys = samples.map((one) =>
      JSON.stringify([one.name, Object.entries(one.labels).sort()]),
    );
    if (new Set(keys).size < keys.length) said.push(`${name} has a sample twice`);
    if (type === 'histogram' && !addsUp(name, samples)) said.push(`${name} does not add up`);
    return said;
  });
}

function parseSample(line: string): Sample {
  const [, name, labelText = '', digits = ''] = SAMPLE.exec(line) ?? [];
  const value =
    digits === '+Inf' ? Number.POSITIVE_INFINITY : digits === 'Nan' ? Number.NaN : Number(digits);
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const [, label, text] = LABEL.exec(labelText) ?? [];
    if (label === undefined || text === undefined) throw new Error(`no labels: ${line}`);
    labels[label] = text.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
  }
  return { name, labels, value };
}

function isOf(sample: string, family: string, type: string): boolean {
  if (sample === family) return type !== 'histogram';
  const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['_sum', '_count'];
  return ['histogram', 'summary'].includes(type) && suffixes.some((one) => sample === family + one);
}

function addsUp(name: string, samples: readonly Sample[]): boolean {
  const counts = samples.filter((one) => one.name === `${name}_bucket`).map(({ value }) => value);
  const total = samples.find((one) => one.name === `${name}_count`)?.value;
  const isRising = counts.every((count, index) => count >= (counts[index - 1] ?? 0));
  return (
    isRising && samples.some(({ labels }) => labels['le'] === '+Inf') && counts.at(-1) === total
  );
}
