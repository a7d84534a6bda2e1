// Owns the regular expressions that a framework may give: as many as name hosts and racks, and none by which it could keep the
// gateway busy (JavaScript's backtrack; Mesos's RE2 does not). Pure.
import { Untranslatable } from './mesos-values.ts';

const MAX_LENGTH = 256;
/** What is matched may be as long (@parley/protocol/offers). */
const MAX_TEXT = 1024;
/** Ways in which a text can be tried, estimated from above. */
const MAX_WAYS = 2 ** 22;
/** Of what stands so often as it says. */
const MAX_REPEATS = 64;

/** Whether it matches the whole of a text. Throws `Untranslatable`, with the name of the field. */
export function textPattern(source: string, field: string): (text: string) => boolean {
  const why = faultOf(source);
  if (why !== undefined) throw new Untranslatable(`${field}: the regular expression ${why}`);
  try {
    const pattern = new RegExp(`^(?:${source})$`, 'su');
    return (text) => text.length <= MAX_TEXT && pattern.test(text);
  } catch {
    throw new Untranslatable(`${field}: the regular expression is none`);
  }
}

function faultOf(source: string): string | undefined {
  if (source.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  // Escapes of one character, and sets of them, count as that character.
  const plain = source
    .replace(/\\[^1-9k]/gsu, 'x')
    .replace(/\[[^\]]*\]/gsu, 'x')
    .replaceAll('(?:', '(');
  if (plain.includes('\\')) return 'refers back to a group';
  if (plain.includes('(?')) return 'looks around';
  if (/\)[*+?{]/u.test(plain)) return 'repeats a group';
  const repeats = [...plain.matchAll(/\{(\d+)\}/gu)].map(([, count]) => Number(count));
  if (repeats.reduce((sum, count) => sum + count, 0) > MAX_REPEATS) {
    return `repeats more than ${MAX_REPEATS} times`;
  }
  return waysOf(plain) > MAX_WAYS ? 'has too many alternatives or repetitions' : undefined;
}

/** What repeats may end anywhere, what is optional doubles, and each group is tried by each of its alternatives. */
function waysOf(plain: string): number {
  const anywhere = plain.match(/[*+]|\{\d+,\d*\}/gu)?.length ?? 0;
  const optional = plain.match(/\?/gu)?.length ?? 0;
  let ways = MAX_TEXT ** anywhere * 2 ** optional;
  const alternatives = [1];
  for (const letter of plain) {
    if (letter === '(') alternatives.push(1);
    if (letter === '|') alternatives.push((alternatives.pop() ?? 0) + 1);
    if (letter === ')') ways *= alternatives.pop() ?? 1;
  }
  return alternatives.reduce((product, count) => product * count, ways);
}
