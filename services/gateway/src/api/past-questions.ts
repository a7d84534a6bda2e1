// Owns what can be asked of the past, and how each question is answered out of a `PastDesk`. Questions and answers are plain
// data: they go from one thread to another.
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { countsOf } from '@parley/cluster-view/counts';
import { type ListName, type Query, query } from '@parley/cluster-view/query';
import type { Moment, View } from '@parley/cluster-view/view';
import { toJson } from '@parley/cluster-view/view-json';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { TaskRef } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { PastDesk, Range, Story, Timeline, Window } from './past-desk.ts';

export type PastQuestion =
  | { readonly kind: 'list'; readonly at: string; readonly list: ListName; readonly asked: Query }
  | { readonly kind: 'row'; readonly at: string; readonly list: ListName; readonly key: string }
  | { readonly kind: 'overview'; readonly at: string }
  | { readonly kind: 'timeline'; readonly range: Range; readonly buckets: number }
  | { readonly kind: 'window'; readonly range: Range; readonly isCompressed: boolean }
  | { readonly kind: 'story'; readonly task: TaskRef };

export type ListedRows = {
  readonly moment: Moment;
  readonly total: number;
  readonly items: readonly object[];
};
export type PastAnswers = {
  readonly list: ListedRows;
  readonly row: object | undefined;
  readonly overview: ReturnType<typeof countsOf>;
  readonly timeline: Timeline;
  /** An exported window, in pieces. */
  readonly window: readonly Uint8Array[];
  readonly story: Story;
};
export type AnswerTo<Question extends PastQuestion> = PastAnswers[Question['kind']];

export const listRows = (view: View, list: ListName, asked: Query): ListedRows => ({
  moment: view.moment,
  ...query(view, list, asked),
});

export function rowOf(view: View, list: ListName, key: string): object | undefined {
  const { endedTasks: tasks, endedFrameworks: frameworks, endedOffers: offers } = view;
  const ended = { tasks, frameworks, offers, agents: undefined };
  return view[list].get(key) ?? ended[list]?.get(key);
}

/** Fails as the desk does. */
export async function answerOf(
  desk: PastDesk,
  question: PastQuestion,
): Promise<Outcome<PastAnswers[PastQuestion['kind']]>> {
  switch (question.kind) {
    case 'list': {
      const { at, list, asked } = question;
      return mapped(await desk.viewAt(at), (view) => listRows(view, list, asked));
    }
    case 'row': {
      const { at, list, key } = question;
      return mapped(await desk.viewAt(at), (view) => rowOf(view, list, key));
    }
    case 'overview':
      return mapped(await desk.viewAt(question.at), countsOf);
    case 'timeline':
      return desk.timeline(question.range, question.buckets);
    case 'window': {
      const window = await desk.window(question.range);
      return window.ok ? succeed(await bytesOf(window.value, question.isCompressed)) : window;
    }
    case 'story':
      return desk.story(question.task);
    default:
      return unreachable(question);
  }
}

const mapped = <From, To>(outcome: Outcome<From>, show: (value: From) => To): Outcome<To> =>
  outcome.ok ? succeed(show(outcome.value)) : outcome;

const PIECE_CHARACTERS = 256 * 1024;

async function bytesOf(window: Window, isCompressed: boolean): Promise<Uint8Array[]> {
  if (!isCompressed) return [...piecesOf(window)];
  const zip = createGzip();
  const [compressed] = await Promise.all([zip.toArray(), pipeline(piecesOf(window), zip)]);
  return compressed as Buffer[];
}

function* piecesOf({ view, events }: Window): Generator<Uint8Array> {
  let piece = `${JSON.stringify({ format: 'parley-window', version: 1, view: toJson(view) })}\n`;
  for (const event of events) {
    if (piece.length > PIECE_CHARACTERS) {
      yield Buffer.from(piece);
      piece = '';
    }
    piece += `${JSON.stringify(event)}\n`;
  }
  yield Buffer.from(piece);
}
