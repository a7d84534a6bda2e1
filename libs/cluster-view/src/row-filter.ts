// Owns which rows a filter lets through: words, of which a row has to hold all. Pure; runs in a browser.
import { valueAt } from './row-order.ts';

/** `textOf`: what `searchText` makes of the row, kept by whoever asks more than once. */
export type RowTest = (row: object, textOf: (row: object) => string) => boolean;

/** `state:running` is true of that field exactly, `state:failed,error` of either, `outcome:` of nothing in it; any other word of a row with it anywhere in its texts. */
export function rowTest(filter: string): RowTest {
  const tests = wordsOf(filter).map((word) => testOf(word));
  return (row, textOf) => tests.every((test) => test(row, textOf));
}

/** None for a filter that lets everything through. */
export const wordsOf = (filter: string): string[] => filter.split(/\s+/).filter(Boolean);

/** All texts of a row in small letters, apart from each other: no word goes over a line. */
export function searchText(row: object): string {
  let text = '';
  for (const value of Object.values(row)) {
    if (typeof value === 'string') text += `${value}\n`;
    else if (Array.isArray(value)) text += `${value.filter(isString).join('\n')}\n`;
  }
  return text.toLowerCase();
}

const isString = (value: unknown): boolean => typeof value === 'string';

function testOf(word: string): RowTest {
  const at = word.indexOf(':');
  if (at <= 0) {
    const part = word.toLowerCase();
    return (row, textOf) => textOf(row).includes(part);
  }
  const whole = word.slice(at + 1).toLowerCase();
  const wanted = new Set([whole, ...whole.split(',')]);
  const path = word.slice(0, at).split('.');
  return (row) => {
    const value = valueAt(row, path);
    return Array.isArray(value)
      ? value.some((one) => isOneOf(one, wanted))
      : isOneOf(value, wanted);
  };
}

/** What is missing is as if it were empty. */
const isOneOf = (value: unknown, wanted: ReadonlySet<string>): boolean =>
  wanted.has(value === undefined ? '' : String(value).toLowerCase());
