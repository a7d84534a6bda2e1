// Runs the documentation's frameworks that use no SDK, in two languages, on a whole cluster, and proves that the five
// messages of the least interface are all they say: a spy hears everything that the principal sends.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LEAST_INTERFACE } from '@parley/protocol/least-interface';
import { parametersOf, subjectPrefix } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alice, ClusterFixture, cluster } from './cluster-fixture.ts';

const run = promisify(execFile);
const example = (name: string): string =>
  fileURLToPath(new URL(`../../../infra/docs/examples/${name}`, import.meta.url));
const LIMIT_MS = 60_000;

let fixture: ClusterFixture;
/** Kinds of the messages that the principal sent since the spy began to listen. */
const said = new Set<string>();

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  const spy = await fixture.connect('master', 'master-1');
  for (const pattern of [`master.call.framework.${alice}.>`, `offers.${alice}.>`]) {
    spy.subscribe(`${subjectPrefix(cluster)}.${pattern}`, {
      callback: (_error, { subject }) => void said.add(kindOf(subject)),
    });
  }
});
afterAll(() => fixture.close());

function kindOf(subject: string): string {
  const entry = Object.values(SUBJECTS).find((one) => parametersOf(one, cluster, subject));
  return entry?.kind ?? subject;
}

it.each([
  ['nats and msgpackr alone', process.execPath, 'least-framework.mjs'],
  ['Python and a plain socket', '/usr/bin/python3', 'least_framework.py'],
])('a framework of %s runs its tasks with five messages', async (_what, program, file) => {
  said.clear();
  const credential = fixture.credential('principal', alice);
  const { stdout } = await run(program, [example(file), credential], { timeout: LIMIT_MS });
  for (let task = 0; task < 5; task += 1) expect(stdout).toContain(`least-${task} is finished\n`);
  // Of the five it hears offers and reads updates; the other three it says, and nothing else.
  const least: readonly string[] = LEAST_INTERFACE.map(({ kind }) => kind);
  expect(least).toHaveLength(5);
  expect([...said].filter((kind) => !least.includes(kind))).toEqual([]);
  expect([...said].sort()).toEqual(['framework.heartbeat', 'framework.subscribe', 'offer.accept']);
});

it('the framework without the SDK has at most 80 lines', () => {
  const lines = readFileSync(example('least-framework.mjs'), 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(80);
});
