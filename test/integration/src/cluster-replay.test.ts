// Owns the proof that the past of a real cluster can be replayed: a small workload with a failure, a kill and a change of
// leader, then every word of `parley replay`, on the cluster, on an exported file, and as a principal. The page
// infra/docs/replay.md is a part of it: its commands are typed and must print what it says.
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeMessage } from '@parley/protocol/message';
import { ReplayPageRequest } from '@parley/protocol/replay';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { alice, bob, ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal, type Typed } from './cluster-terminal.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const NOT_DONE = 1;
const NOT_FOUND = 3;
const Line = z.object({
  time: z.iso.datetime(),
  sequence: z.int(),
  part: z.string(),
  kind: z.string(),
  text: z.string(),
  agents: z.array(z.string()),
  frameworks: z.array(z.object({ principal: z.string(), frameworkId: z.string() })),
  tasks: z.array(z.object({ taskId: z.string(), principal: z.string() })),
});
const Status = z.looseObject({ journalSequence: z.int() });
const StatusAt = Status.extend({ at: z.object({ entry: z.int(), time: z.iso.datetime() }) });

let fixture: ClusterFixture;
let terminal: ClusterTerminal;
/** Without a context: what it prints comes from a file alone. */
let elsewhere: ClusterTerminal;
let file: string;
/** Journal positions before and after the workload. */
let begin: number;
let end: number;

const sequenceNow = async (): Promise<number> =>
  Status.parse(await terminal.read('status')).journalSequence;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  terminal = new ClusterTerminal(fixture);
  const empty = path.join(fixture.directory, 'elsewhere');
  mkdirSync(empty);
  elsewhere = new ClusterTerminal({ fixture, directory: empty, knowsContext: false });
  file = path.join(fixture.directory, 'incident.replay');
  begin = await sequenceNow();
  await work();
  end = await sequenceNow();
});
afterAll(async () => {
  await fixture?.close();
});

/** Frameworks read what agents say by themselves, and may know it before the leader has written it down. */
async function untilBooksKnow(wanted: Readonly<Record<string, string>>): Promise<void> {
  const books = await fixture.follow();
  const known = (): Record<string, string> => {
    const { tasks, ended } = books.state;
    return Object.fromEntries(
      [...tasks.rows(), ...ended.rows()].map((one) => [one.task.taskId, one.state]),
    );
  };
  await until(
    () => Object.entries(wanted).every(([taskId, wish]) => known()[taskId] === wish),
    () => `the books know ${JSON.stringify(wanted)}, and not ${JSON.stringify(known())}`,
  );
}

/** `report` fails, `index` runs while the leader dies, `load` is killed by the operator, `crawl` is another principal's. */
async function work(): Promise<void> {
  const etl = await new QueueFramework().connect(fixture, alice, 'etl');
  const web = await new QueueFramework().connect(fixture, bob, 'web');
  const report = fixture.scriptTask('report', 'exit 3');
  const [index, load] = [fixture.task('index', 'index'), fixture.task('load', 'never')];
  const crawl = fixture.task('crawl', 'crawl');
  etl.add([report, index, load]);
  web.add([crawl]);
  await etl.untilEnded([report]);
  await etl.untilRunning(2);
  await web.untilRunning(1);
  await untilBooksKnow({ report: 'failed', index: 'running', load: 'running', crawl: 'running' });
  const master = fixture.service('master-1');
  await master.end('SIGKILL');
  master.start();
  await master.says('"msg":"term begins"', 1);
  const killed = await terminal.type('task', 'kill', 'alice/etl/load', '--yes');
  expect(killed.exitCode).toBe(0);
  fixture.open('index');
  fixture.open('crawl');
  await etl.untilEnded([index, load]);
  await web.untilEnded([crawl]);
  for (const framework of [etl, web]) await framework.close();
  // A clean stop writes a snapshot.
  expect(await master.end('SIGTERM')).toBe(0);
  master.start();
  await master.says('"msg":"term begins"', 2);
}

async function lines(on: ClusterTerminal, ...words: string[]): Promise<z.infer<typeof Line>[]> {
  const { exitCode, stdout, stderr } = await on.type('replay', ...words, '--json');
  if (exitCode !== 0) throw new Error(stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Line.parse(JSON.parse(line)));
}

const plain = ({ stdout, exitCode, stderr }: Typed): string => {
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
};

/** Without what differs from run to run: times, numbers of entries, ids of offers, epochs, sequences. */
const normal = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')
    .replace(/\bo\d+-\d+\b/g, 'OFFER')
    .replace(/epoch \d+\/\d+/g, 'EPOCH')
    .replace(/\bsession \d+/g, 'SESSION')
    .replace(/\ba[12]\b/g, 'AGENT')
    .replace(/\b\d+\b/g, 'N')
    .replace(/ +/g, ' ')
    .trim();

test('the life of a task is told with its causes', async () => {
  const failed = plain(await terminal.type('replay', 'why', 'alice/etl/report'));
  const told = failed.split('\n').map((line) => line.replace(/^\S+ +\d+ +/, ''));
  expect(told[0]).toMatch(
    /^agent (a1|a2) is offered to framework alice\/etl in role \*: cpus [\d.]+, /,
  );
  expect(told[1]).toMatch(/^framework alice\/etl accepts offer o\d+-\d+ to launch report/);
  expect(failed).toMatch(/task alice\/etl\/report is staging on agent (a1|a2)\n/);
  expect(failed).toMatch(/the leader orders agent (a1|a2) to run task alice\/etl\/report\n/);
  expect(failed).toMatch(/agent (a1|a2) has taken the order to run task alice\/etl\/report\n/);
  expect(failed).toMatch(/is failed on agent .*, says agent .*: command exited; exit code 3/);
  expect(failed).not.toContain('leads from here on');
  const killed = plain(await terminal.type('replay', 'why', 'alice/etl/load'));
  const order = [
    'master-1 leads from here on',
    'operator olga asks to kill task alice/etl/load',
    'to kill task alice/etl/load: operator',
    'task alice/etl/load is killed',
  ].map((text) => killed.indexOf(text));
  expect(order.every((place) => place > 0)).toBe(true);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  const unknown = await terminal.type('replay', 'why', 'alice/etl/nobody');
  expect(unknown).toMatchObject({ exitCode: NOT_FOUND, stdout: '' });
});

test('lines are filtered by framework, agent, task, part, kind, entry and time', async () => {
  const all = await lines(terminal, '--from', 'first', '--to', String(end));
  expect(all[0]?.sequence).toBe(1);
  const sequences = all.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  const to = ['--to', String(end)];
  const same = (wanted: (line: z.infer<typeof Line>) => boolean) => all.filter(wanted);
  expect(await lines(terminal, '--task', 'alice/etl/index', ...to)).toEqual(
    same(({ tasks }) => tasks.some(({ taskId }) => taskId === 'index')),
  );
  expect(await lines(terminal, '--agent', 'a2', ...to)).toEqual(
    same(({ agents }) => agents.includes('a2')),
  );
  const ofWeb = await lines(terminal, '--framework', 'bob/web', '--part', 'event', ...to);
  expect(ofWeb).toEqual(
    same(
      ({ part, frameworks: about }) =>
        part === 'event' && about.some(({ frameworkId }) => frameworkId === 'web'),
    ),
  );
  expect(ofWeb.map(({ kind }) => kind)).toContain('taskStateChanged');
  const kills = await lines(terminal, '--kind', 'operatorKill', ...to);
  expect(kills).toHaveLength(1);
  const [kill] = kills;
  if (kill === undefined) throw new Error('there is a kill');
  const byTime = await lines(terminal, '--from', kill.time, '--to', kill.time);
  expect(byTime).toEqual(same(({ time }) => time === kill.time));
  const byEntry = await lines(terminal, 'list', '--from', String(kill.sequence), ...to);
  expect(byEntry).toEqual(same(({ sequence }) => sequence >= kill.sequence));
});

test('the state of a moment is what status printed then', async () => {
  const status = Status.parse(await terminal.read('status'));
  const at = String(status.journalSequence);
  const past = StatusAt.parse(await terminal.read('replay', 'state', '--at', at, '--jobs'));
  const { at: moment, ...rest } = past;
  expect(rest).toEqual(status);
  expect(moment.entry).toBe(status.journalSequence);
  const before = StatusAt.parse(await terminal.read('replay', 'state', '--at', String(begin)));
  expect(before).toMatchObject({ journalSequence: begin, frameworks: [] });
  const byTime = StatusAt.parse(await terminal.read('replay', 'state', '--at', moment.time));
  expect(byTime.at).toEqual(moment);
  const words = plain(await terminal.type('replay', 'state', '--at', at));
  expect(words).toContain(`as of entry ${at}, ${moment.time}\ncluster ${cluster}: led by master-1`);
});

test('what changed between two moments is told, tasks with all that they went through', async () => {
  const words = plain(await terminal.type('replay', 'diff', String(end), String(begin)));
  expect(words).toContain(`from entry ${begin} `);
  expect(words).toMatch(/\+ alice\/etl: name etl; state subscribed/);
  expect(words).toMatch(/\+ alice\/etl\/report on (a1|a2): staging -> .*failed\n/);
  expect(words).toMatch(
    /\+ alice\/etl\/load on (a1|a2): staging -> running -> (killing -> )?killed\n/,
  );
  expect(words).toContain('tasks: 4 launched, 4 ended (finished 2 failed 1 killed 1)');
  expect(words).toMatch(/leader: epoch \S+ -> \S+/);
  const nothing = plain(await terminal.type('replay', 'diff', String(end), String(end)));
  expect(nothing).toContain('nothing changed');
});

test('everything steps to the same states again', async () => {
  const found = await terminal.read('replay', 'verify');
  expect(found).toMatchObject({ fromSequence: 1, skipped: [] });
  expect(found).toMatchObject({ snapshots: [{ verdict: 'equal' }] });
});

test('an exported file tells the same without any cluster, by every word', async () => {
  const written = await terminal.type('replay', 'export', file, '--to', String(end));
  expect(plain(written)).toContain(`entries 1 to ${end}`);
  expect((await elsewhere.type('status')).exitCode).not.toBe(0);
  const on = async (which: ClusterTerminal, ...words: string[]) =>
    plain(await which.type(...words));
  const words = [
    ['list', '--from', 'first', '--to', String(end)],
    ['why', 'alice/etl/load'],
    ['state', '--at', String(end), '--jobs', '--json'],
    ['diff', String(begin), String(end), '--json'],
  ];
  for (const one of words) {
    const both = [on(terminal, 'replay', ...one), on(elsewhere, 'replay', ...one, '--file', file)];
    const [live, fromFile] = await Promise.all(both);
    expect(fromFile).toBe(live);
  }
  expect(await on(elsewhere, 'replay', '--file', file, 'verify')).toContain(`(1 to ${end})`);
  const part = path.join(fixture.directory, 'part.replay');
  await on(elsewhere, 'replay', '--file', file, 'export', part, '--to', String(begin + 1));
  expect(await on(elsewhere, 'replay', '--file', part, 'diff', 'first', 'last')).toContain(
    `to entry ${begin + 1} `,
  );
  const uncompared = await elsewhere.type('replay', '--file', part, 'verify', '--json');
  expect(uncompared).toMatchObject({
    exitCode: NOT_DONE,
    stdout: expect.stringContaining('"snapshots": []'),
    stderr: expect.stringMatching(/nothing was compared[\s\S]*why: +there is no snapshot/),
  });
});

test('a file that is there is not replaced unasked, and a damaged one is refused with what is wrong', async () => {
  const again = await terminal.type('replay', 'export', file);
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('exists already') });
  const damaged = path.join(fixture.directory, 'damaged.replay');
  copyFileSync(file, damaged);
  const bytes = readFileSync(file);
  truncateSync(damaged, bytes.length - 100);
  const cut = await elsewhere.type('replay', '--file', damaged);
  expect(cut).toMatchObject({ exitCode: 1, stdout: '' });
  expect(cut.stderr).toMatch(/damaged\.replay cannot be replayed[\s\S]*it was cut off/);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  const changed = await elsewhere.type('replay', 'state', '--at', 'last', '--file', damaged);
  expect(changed).toMatchObject({ exitCode: 1, stdout: '' });
  // Its length may be what was changed.
  const wrong = /damaged at byte \d+: (the checksum of a record is wrong|a record of \d+ bytes)/;
  expect(changed.stderr).toMatch(wrong);
  const missing = await elsewhere.type('replay', '--file', '/nowhere/x.replay');
  expect(missing.exitCode).toBe(NOT_FOUND);
});

test.each([
  ['state --at 99999999', 'there is no entry 99999999: entries 1 ('],
  ['state --at 1999-01-01', 'is before everything that is kept: entries 1 ('],
  ['state --at 2999-01-01', 'nothing is known of 2999-01-01'],
  ['diff 0 last', 'there is no entry 0'],
])('replay %s ends with what is kept', async (words, why) => {
  const typed = await terminal.type('replay', ...words.split(' '));
  expect(typed).toMatchObject({ exitCode: NOT_FOUND, stdout: '' });
  expect(typed.stderr).toContain(why);
});

test('a principal replays its own frameworks with its own credential, and nothing else', async () => {
  const creds = ['--creds', fixture.credential('principal', alice)];
  const own = await lines(elsewhere, ...creds, '--from', 'first');
  const kinds = new Set(own.map(({ part, kind }) => `${part} ${kind}`));
  for (const kind of ['input accept', 'order run', 'event taskStateChanged', 'event termStarted']) {
    expect([...kinds]).toContain(kind);
  }
  expect(JSON.stringify(own)).not.toMatch(/bob|crawl|\bweb\b|olga/);
  const why = plain(await elsewhere.type('replay', ...creds, 'why', 'alice/etl/load'));
  expect(why).toMatch(/accepts offer[\s\S]*leads from here on[\s\S]*is killed on agent/);
  const foreign = await elsewhere.type('replay', ...creds, 'why', 'bob/web/crawl');
  expect(foreign).toMatchObject({ exitCode: NOT_FOUND, stdout: '' });
  const state = await elsewhere.type('replay', ...creds, 'state', '--at', 'last');
  expect(state.stderr).toContain('which a principal does not see');
  const ofEtl = await lines(
    elsewhere,
    ...creds,
    '--framework',
    'alice/etl',
    '--task',
    'alice/etl/index',
  );
  expect(new Set(ofEtl.flatMap(({ tasks }) => tasks.map(({ taskId }) => taskId)))).toContain(
    'index',
  );
  const unknown = await elsewhere.type('replay', ...creds, '--from', '99999999');
  expect(unknown.exitCode).toBe(NOT_FOUND);
});

test("the bus lets nobody ask for another principal's past", async () => {
  const connection = await fixture.connect('principal', alice);
  const body = ReplayPageRequest.parse({});
  const { subject, bytes } = encodeMessage(SUBJECTS.replayPage, cluster, { principal: bob }, body);
  await expect(connection.request(subject, bytes, { timeout: 5000 })).rejects.toThrow(
    /permissions violation/i,
  );
});

test('following tells what happens from now on, to operators and to principals', async () => {
  const subscribed = async (session: number): Promise<void> => {
    const framework = await new QueueFramework().connect(fixture, alice, 'etl');
    await framework.close();
    const said = `framework alice/etl (etl) subscribed in *: session ${session}`;
    for (const one of watched) await one.says(said);
  };
  const follow = ['replay', '--follow', '--json', '--from', String(await sequenceNow())];
  const creds = ['--creds', fixture.credential('principal', alice)];
  const watched = [terminal.watch(...follow), elsewhere.watch(...follow, ...creds)];
  try {
    await subscribed(2);
    // By now they follow.
    await subscribed(3);
  } finally {
    for (const one of watched) await one.close();
  }
});

type Example = { readonly command: string; readonly prints: readonly string[] };

/** Each command of the page with the lines that it says are printed. */
function examplesOf(markdown: string): Example[] {
  const pattern = /```sh\nparley (replay[^\n]*)\n```(?:\n+```text\n([\s\S]*?)```)?/g;
  return [...markdown.matchAll(pattern)].map(([, command = '', prints = '']) => ({
    command,
    prints: prints.split('\n').filter((line) => line.trim() !== '' && line !== '...'),
  }));
}

const page = fileURLToPath(new URL('../../../infra/docs/replay.md', import.meta.url));
const examples = examplesOf(readFileSync(page, 'utf8'));

test('the page shows every word of replay', () => {
  const words = examples.map(({ command }) => command).join('\n');
  for (const word of ['why', 'state', 'diff', 'export', '--file', 'verify', '--creds', '--task']) {
    expect(words).toContain(word);
  }
});

test.each(examples)('parley $command prints what the page says', async ({ command, prints }) => {
  const words = command
    .replace('ALICE.json', fixture.credential('principal', alice))
    .replace('incident.replay', path.join(fixture.directory, 'page.replay'));
  const typed = await terminal.type(...words.split(' '));
  expect(typed).toMatchObject({ exitCode: 0 });
  const said = normal(
    typed.stdout
      .replaceAll(`${fixture.directory}/`, '')
      .replaceAll('page.replay', 'incident.replay'),
  )
    .split('\n')
    .map(normal);
  for (const line of prints) {
    // The rest differs from run to run.
    if (line.endsWith('...')) {
      const begin = normal(line.slice(0, -3));
      expect(
        said.filter((one) => one.startsWith(begin)),
        line,
      ).not.toEqual([]);
    } else expect(said).toContain(normal(line));
  }
});
