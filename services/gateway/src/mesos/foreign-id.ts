// Owns how an id that a Mesos framework chose becomes one of ours, and back. Mesos's are free texts of up to 255
// characters, ours are single tokens (@parley/protocol/ids). Pure.
//
// What is a token already stays as it is. Else the id is escaped, which can be undone from the id alone. Where that is
// longer than a token may be, it becomes a digest: then the original is kept where whoever reads the books finds it,
// and told again when the id is undone. Of a task that is its name (launch-translation.ts), of an executor the variable
// MESOS_EXECUTOR_ID of its command, or its data where it has no command.
import { createHash } from 'node:crypto';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_TOKEN = 64;
const ESCAPED = '__e_';
const DIGEST = '__d_';
const RESERVED = /^__[ed]_/;

/** What is frequent in ids has short escapes; none of these letters begins two hexadecimal digits. */
const SHORT: Readonly<Record<string, string>> = {
  _: '__',
  '.': '_p',
  ':': '_k',
  '/': '_s',
  '@': '_y',
  '\u0000': '_z',
};
const LONG = new Map(Object.entries(SHORT).map(([plain, short]) => [short, plain]));

const MAX_FOREIGN = 255;

/** What is wrong with the id of a task or executor, as Mesos checks it; undefined: nothing. */
export function foreignIdFault(foreign: string): string | undefined {
  if (foreign === '') return 'must not be empty';
  if (foreign.length > MAX_FOREIGN) return `must be at most ${MAX_FOREIGN} characters`;
  if (foreign === '.' || foreign === '..') return `must not be "${foreign}"`;
  if (!foreign.isWellFormed()) return 'must be well-formed Unicode';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (/[\u0000-\u0020\u007f/\\]/.test(foreign)) {
    return 'must hold no blanks, slashes or control characters';
  }
  return undefined;
}

/** A token, the same for the same text everywhere, and another one for every other well-formed text. */
export function ownIdOf(foreign: string): string {
  if (TOKEN.test(foreign) && !RESERVED.test(foreign)) return foreign;
  const escaped = `${ESCAPED}${escapedOf(foreign)}`;
  return escaped.length <= MAX_TOKEN ? escaped : digestOf(foreign);
}

/** Whether the original of this id has to be kept beside it. */
export const isDigest = (id: string): boolean => id.startsWith(DIGEST);

/**
 * The text that the id was made of. `kept`: what may be the original of a digest; what is not is passed over. A digest
 * of which the original is not to be had stands for itself.
 */
export function foreignIdOf(id: string, ...kept: readonly (string | undefined)[]): string {
  if (isDigest(id)) {
    return kept.find((text) => text !== undefined && digestOf(text) === id) ?? id;
  }
  return (id.startsWith(ESCAPED) ? textOf(id.slice(ESCAPED.length)) : undefined) ?? id;
}

const digestOf = (foreign: string): string =>
  `${DIGEST}${createHash('sha256').update(foreign).digest('base64url')}`;

function escapedOf(text: string): string {
  let escaped = '';
  for (const byte of new TextEncoder().encode(text)) {
    const letter = String.fromCharCode(byte);
    if (/[A-Za-z0-9-]/.test(letter)) escaped += letter;
    else escaped += SHORT[letter] ?? `_${byte.toString(16).padStart(2, '0')}`;
  }
  return escaped;
}

/** Undefined: nothing was escaped to that. */
function textOf(escaped: string): string | undefined {
  const bytes: number[] = [];
  for (const part of escaped.match(/_[0-9a-f]{2}|_.|./gs) ?? []) {
    const plain = LONG.get(part) ?? (part.length === 1 && part !== '_' ? part : undefined);
    if (plain !== undefined) bytes.push(plain.charCodeAt(0));
    else if (part.length === 3) bytes.push(Number.parseInt(part.slice(1), 16));
    else return undefined;
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  return escapedOf(text) === escaped ? text : undefined;
}
