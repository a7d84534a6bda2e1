// Owns how rows are told apart and put into an order: the value at a field, and what of two values comes first. Texts are
// compared as people read them: capitals and accents do not count, and numbers in them go by their size. Pure.

/** A text is a key: two of them compare as the texts that they stand for are read. */
export type SortValue = number | string | undefined;

/** Of a path such as `allocated.cpus`; own fields only. */
export function valueAt(row: object, path: readonly string[]): unknown {
  let value: unknown = row;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

export function sortValueAt(row: object, path: readonly string[]): SortValue {
  const value = valueAt(row, path);
  if (value === undefined || typeof value === 'number') return value;
  return readingKey(String(value));
}

/** Numbers before texts; what is missing last, also in descending order. */
export function compareValues(a: SortValue, b: SortValue, isDescending: boolean): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const isFirst = typeof a === typeof b ? a < b : typeof a === 'number';
  return isFirst === isDescending ? 1 : -1;
}

const MARKS = /\p{M}/gu;
const NOT_ASCII = /[^\0-\x7f]/;
const ZERO = 48;
const NINE = 57;
/** The length of a number, as a character that is before all letters. */
const MAX_DIGITS = 48;

/** Before each number of the text stands how long it is, so that the longer one is the greater one. */
export function readingKey(text: string): string {
  const plain = NOT_ASCII.test(text) ? text.normalize('NFKD').replace(MARKS, '') : text;
  const lower = plain.toLowerCase();
  let key = '';
  let done = 0;
  for (let at = 0; at < lower.length; at += 1) {
    if (!isDigit(lower, at)) continue;
    const begin = at;
    while (isDigit(lower, at + 1)) at += 1;
    let first = begin;
    while (first < at && lower.charCodeAt(first) === ZERO) first += 1;
    const digits = lower.slice(first, at + 1);
    const length = String.fromCharCode(ZERO + Math.min(digits.length, MAX_DIGITS));
    key += lower.slice(done, begin) + length + digits;
    done = at + 1;
  }
  return key + lower.slice(done);
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= ZERO && code <= NINE;
}
