// Owns putting a large page together out of pieces of JSON that are there already, and making bytes of it without keeping
// others waiting.
import { systemTimers } from '@parley/actor/nats/system-clock';

/** Of JSON; put together, they are a page. May be made while they are asked for. */
export type PageText = Iterable<string>;

/** An object: plain fields, then lists whose members are JSON already, in one piece or in many. */
export function* objectText(
  fields: object,
  lists: Readonly<Record<string, Iterable<string | PageText>>> = {},
): Generator<string> {
  const head = JSON.stringify(fields).slice(0, -1);
  yield head;
  let separator = head === '{' ? '' : ',';
  for (const [name, members] of Object.entries(lists)) {
    yield `${separator}${JSON.stringify(name)}:[`;
    yield* listed(members);
    yield ']';
    separator = ',';
  }
  yield '}';
}

/** Members are put together until a piece is large enough to be worth one; all of them are texts, or all are in pieces. */
function* listed(members: Iterable<string | PageText>): Generator<string> {
  let waiting: string[] = [];
  let characters = 0;
  let separator = '';
  for (const member of members) {
    if (typeof member !== 'string') {
      yield separator;
      yield* member;
      separator = ',';
      continue;
    }
    waiting.push(member);
    characters += member.length;
    if (characters < PIECE) continue;
    yield separator + waiting.join(',');
    separator = ',';
    waiting = [];
    characters = 0;
  }
  if (waiting.length > 0) yield separator + waiting.join(',');
}

/** Of an object's JSON: with these fields too. */
export function withFields(json: string, fields: object): string {
  const more = JSON.stringify(fields).slice(1, -1);
  if (more === '') return json;
  return json === '{}' ? `{${more}}` : `${json.slice(0, -1)},${more}}`;
}

/** Characters of a piece, about: short texts come and go without new memory for each. */
const PIECE = 50_000;
/** Bytes that are put together, or written, without a pause: a few milliseconds. */
export const BYTES_AT_ONCE = 500_000;

type Pause = () => Promise<void>;

export async function bytesOf(
  text: PageText,
  pause: Pause = systemTimers.yieldToOthers,
): Promise<Buffer> {
  const pieces: string[] = [];
  let length = 0;
  let pausedAt = 0;
  for (const piece of text) {
    pieces.push(piece);
    length += Buffer.byteLength(piece);
    if (length - pausedAt < BYTES_AT_ONCE) continue;
    pausedAt = length;
    await pause();
  }
  return written(pieces, length, pause);
}

async function written(pieces: readonly string[], length: number, pause: Pause): Promise<Buffer> {
  // Not out of the pool, and not twice: new memory of this size is what costs most here.
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let pausedAt = 0;
  for (const piece of pieces) {
    at += bytes.write(piece, at);
    if (at - pausedAt < BYTES_AT_ONCE) continue;
    pausedAt = at;
    await pause();
  }
  return bytes;
}
