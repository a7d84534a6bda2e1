// Tests which part of the past is read when its end is named and its begin is not: by an operator and by a principal, who
// asks a master for pages.
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import type { ReplayLine } from '@parley/protocol/replay';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { Moment } from '@parley/replay/moments';
import { PageDesk } from '@parley/replay/page-desk';
import { keptEntries } from '@parley/replay/replay-source';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import { beforeAll, describe, expect, test } from 'vitest';
import { wallTimeMs } from '../effects.ts';
import type { LineReading } from './line-reading.ts';
import { PageReading } from './page-reading.ts';
import { SourceReading } from './source-reading.ts';
import { orThrow } from './whole-past.ts';

const cluster = ClusterName.parse('local');
const LATEST = 200;
let history: ScriptedHistory;

/** Each entry is a launch, so that each has a line for whoever reads. */
beforeAll(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(1000));
  history.subscribe(aFramework());
  for (let index = 0; history.journal.lastSequence < 2 * LATEST + 100; index += 1) {
    history.launch(aFramework(), `t${index}`, some(1));
  }
});

async function asOperator(): Promise<LineReading> {
  const { source } = history;
  const past = { ...orThrow(await keptEntries(source)), knownUntilMs: wallTimeMs() };
  return new SourceReading({ source, past, isLive: true });
}

async function asPrincipal(): Promise<LineReading> {
  const { principal } = aFramework();
  const desk = new PageDesk({ source: history.source, nowMs: () => 0, wallTimeMs });
  const actor = { kind: 'principal', id: principal } as const;
  return new PageReading(
    { cluster, actor },
    {
      request: async (subject, bytes) => {
        const asked = orThrow(decodeMessage(SUBJECTS.replayPage, cluster, subject, bytes));
        const page = await desk.page(principal, asked.body);
        return { ok: true, value: encodeAnswer(page) };
      },
      close: async () => undefined,
    },
  );
}

async function read(reading: LineReading, to: Moment | undefined): Promise<number[]> {
  const lines: ReplayLine[] = [];
  const range = { from: 'latest', to, filter: {}, follow: false } as const;
  await reading.read(range, (line) => lines.push(line));
  return lines.map(({ sequence }) => sequence);
}

describe.each([
  ['an operator', asOperator],
  ['a principal', asPrincipal],
])('without a begin, %s', (_, open) => {
  test('is told of the latest entries', async () => {
    const { lastSequence } = history.journal;
    const told = await read(await open(), undefined);
    expect([told[0], told.at(-1)]).toEqual([lastSequence - LATEST + 1, lastSequence]);
  });

  test('is told of what is kept up to an end near the beginning', async () => {
    const told = await read(await open(), { kind: 'entry', sequence: 5 });
    expect(told.length).toBeGreaterThan(0);
    expect(told.at(-1)).toBe(5);
    const first = await read(await open(), { kind: 'entry', sequence: 3 });
    expect(told.slice(0, first.length)).toEqual(first);
  });

  test('is told of as many entries as ever before an end further on', async () => {
    const told = await read(await open(), { kind: 'entry', sequence: LATEST + 50 });
    expect([told[0], told.at(-1)]).toEqual([51, LATEST + 50]);
  });

  test('is told likewise up to a time', async () => {
    const { lastSequence } = history.journal;
    const entry = orThrow(await history.journal.entryAt(LATEST + 50));
    const last = orThrow(await history.journal.entryAt(lastSequence));
    const [atMs, lastMs] = [entry?.storedMs ?? 0, last?.storedMs ?? 0];
    for (const to of [
      { kind: 'time', atMs },
      { kind: 'before', ms: lastMs - atMs },
    ] as const) {
      const told = await read(await open(), to);
      expect([told[0], told.at(-1)]).toEqual([51, LATEST + 50]);
    }
  });
});
