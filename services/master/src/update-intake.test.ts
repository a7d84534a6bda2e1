// Tests what becomes of updates that are stored damaged: who hears of it, when, and what counts as read meanwhile.
import { MAX_DAMAGED_UPDATES } from '@parley/protocol/broadcasts';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import type { ClusterView } from './cluster-view.ts';
import { agentId, aKillOrder, aMaster, cluster, principal } from './scripted-master.ts';
import { takeIn } from './update-intake.ts';

const { task } = aKillOrder().order.body;
const anUpdate = (source: StatusUpdate['source']): StatusUpdate => ({
  source,
  task,
  sequence: 1,
  agentId,
  state: source === 'agent' ? 'finished' : 'gone',
  wallTimeMs: 1,
});

function stored(streamSequence: number, source: StatusUpdate['source'], isWhole = false) {
  const parameters = { source: source === 'agent' ? agentId : 'master', ...task };
  const message = encodeMessage(SUBJECTS.update, cluster, parameters, anUpdate(source));
  const bytes = message.bytes.map((byte, at) => (at === 60 && !isWhole ? byte ^ 1 : byte));
  return { streamSequence, subject: message.subject, bytes };
}

function toldIn({ subject, bytes }: { subject: string; bytes: Uint8Array }) {
  const watermarks = decodeMessage(SUBJECTS.watermarks, cluster, subject, bytes);
  const streams = watermarks.ok ? watermarks.value.body.streams : [];
  return streams.map(({ sequence, damaged }) => ({ covers: sequence, told: damaged }));
}

/** What happens, in order: told is which stream sequences agents are told of, with the position that is covered. */
async function takenIn(
  messages: readonly ReturnType<typeof stored>[],
  { view, over = () => false }: { view?: Partial<ClusterView>; over?: () => boolean } = {},
) {
  const { actor, inputs } = aMaster({
    view: { streamPositions: () => [{ principal, createdMs: 7, sequence: 3 }], ...view },
  });
  const happened: unknown[] = [];
  const logged: string[] = [];
  const written: string[] = [];
  const carryOut = () => {
    for (const output of actor.takeOutputs()) {
      if (output.kind === 'log') logged.push(output.message);
      if (output.kind === 'writeUpdate') written.push(output.subject);
      if (output.kind === 'publish') happened.push(...toldIn(output));
    }
  };
  let nowMs = 0;
  const wait = async (ms: number) => {
    nowMs += ms;
    happened.push(`waits, ${inputs.length} inputs`);
  };
  const clock = { nowMs: () => nowMs, wallTimeMs: () => nowMs };
  const intake = { cluster, principal, actor, carryOut, isOver: over, clock, timers: { wait } };
  const readUpTo = messages.at(-1)?.streamSequence ?? 0;
  await takeIn(intake, { streamCreatedMs: 7, messages, readUpTo });
  actor.tick(nowMs + 1000);
  carryOut();
  return { happened, inputs, logged, written };
}

test('agents hear of what is damaged at once, and once more, before its place counts as read', async () => {
  const { happened, inputs, written } = await takenIn([
    stored(4, 'agent'),
    stored(5, 'agent', true),
  ]);
  const told = { covers: 3, told: [4] };
  expect(happened.slice(0, 3)).toEqual([told, 'waits, 0 inputs', told]);
  expect(inputs).toMatchObject([{ updates: [{ streamSequence: 5 }], readUpTo: 5 }]);
  expect(written).toEqual([]);
});

test('however many of a principal are damaged at once, their agents hear of each before it counts as read', async () => {
  const count = 2 * MAX_DAMAGED_UPDATES + 7;
  const all = Array.from({ length: count }, (_, at) => at + 4);
  const { happened } = await takenIn(all.map((sequence) => stored(sequence, 'agent')));
  const before = happened.slice(0, happened.lastIndexOf('waits, 0 inputs')) as { told: number[] }[];
  expect(before).toHaveLength(3);
  expect(before.flatMap(({ told }) => told)).toEqual(all);
});

test("one of the leader's own is written again by the leader, and no agent is told or waited for", async () => {
  const unwritten = [anUpdate('master')];
  const view = { unwrittenOf: () => unwritten, unwrittenUpdate: () => unwritten[0] };
  const { happened, inputs, logged, written } = await takenIn([stored(4, 'master')], { view });
  expect(written).toEqual([stored(4, 'master').subject]);
  expect(happened).toEqual([{ covers: 3, told: undefined }]);
  expect(logged).toEqual([
    expect.stringContaining('this master, whose own it is, writes it again'),
  ]);
  expect(inputs).toMatchObject([{ updates: [], readUpTo: 4 }]);
});

test('whose term ends while agents are told counts nothing as read', async () => {
  let waits = 0;
  const over = () => {
    waits += 1;
    return true;
  };
  const { happened, inputs } = await takenIn([stored(4, 'agent')], { over });
  expect(happened.slice(0, 2)).toEqual([{ covers: 3, told: [4] }, 'waits, 0 inputs']);
  expect(waits).toBeGreaterThan(0);
  expect(inputs).toEqual([]);
});
