// Owns how text that others wrote (names, messages, reasons) is shown to whoever sits at a terminal: nothing in it moves the
// cursor, makes a line of its own, or reads otherwise than it is written. Names of files, which are bytes: showName of
// @parley/protocol/file-names.

/** Controls, what orders or joins text unseen, half a character, and the line ends of Unicode. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** On one line; escaped as in JSON. */
export const shownText = (text: string): string => text.replace(UNSHOWN, escaped);

/** Of a page that was put together from lines of ours: its line ends are meant. */
export const shownPage = (page: string): string =>
  page.replace(UNSHOWN, (character) => (character === '\n' ? character : escaped(character)));

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
