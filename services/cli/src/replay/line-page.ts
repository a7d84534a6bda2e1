// Owns how lines of the past and stories of tasks are printed: a table that grows for people, a JSON value a line for tools.
import type { ReplayLine } from '@parley/protocol/replay';
import type { StoryLine } from '@parley/replay/task-story';
import { shownText } from '../shown-text.ts';

const TIME_WIDTH = 24;
const ENTRY_WIDTH = 8;
const PART_WIDTH = 8;

export const timeOf = (storedMs: number): string => new Date(storedMs).toISOString();

const row = (time: string, entry: string, part: string, text: string): string =>
  `${time.padEnd(TIME_WIDTH)}  ${entry.padStart(ENTRY_WIDTH)}  ${part.padEnd(PART_WIDTH)}  ${text}`;

export const LINES_HEAD = row('TIME', 'ENTRY', 'PART', 'WHAT HAPPENED');

export function lineRow({ storedMs, sequence, part, text }: ReplayLine): string {
  return row(timeOf(storedMs), String(sequence), part, shownText(text));
}

export function storyRow({ storedMs, sequence, text }: StoryLine): string {
  return `${timeOf(storedMs)}  ${String(sequence).padStart(ENTRY_WIDTH)}  ${shownText(text)}`;
}

/** Bytes as base64: everything else in a line is JSON already. */
export function jsonLine({ storedMs, ...line }: ReplayLine | StoryLine): string {
  return JSON.stringify({ time: timeOf(storedMs), ...line }, bytesAsText);
}

function bytesAsText(this: unknown, key: string, value: unknown): unknown {
  // As it was before a Buffer's own idea of JSON.
  const raw: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, key) : value;
  return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value;
}
