// Owns turning the text of a file of rules into rules. A file that is wrong says where: the line, or the field.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AuthorizationRules } from './authorization.ts';

/** Fails with `malformed`; the message names the file, and the line or the field. */
export function parseRules(file: string, text: string): Outcome<AuthorizationRules> {
  const json = parseJson(text);
  if (!json.ok) return fail('malformed', `${file}: ${json.failure.message}`);
  const rules = AuthorizationRules.safeParse(json.value);
  if (rules.success) return succeed(rules.data);
  const issues = rules.error.issues.slice(0, 5).map(({ path, message }) => {
    const field = path.map(String).join('.');
    return `${field === '' ? 'the whole' : `field ${field}`}${nameOf(json.value, path)}: ${message}`;
  });
  return fail('malformed', `${file}: ${issues.join('; ')}`);
}

function parseJson(text: string): Outcome<unknown> {
  try {
    return succeed(JSON.parse(text));
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return fail('malformed', `line ${lineOfError(text)}: not JSON: ${what}`);
  }
}

/**
 * The parser does not always say where. So: the first line up to which the text is no beginning of JSON any more, or
 * the last line, when something is missing at the end.
 */
function lineOfError(text: string): number {
  const lines = text.trimEnd().split('\n');
  let low = 1;
  let high = lines.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBeginning(lines.slice(0, middle).join('\n').trimEnd())) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether more text could still make JSON of it: what is wrong with it is only that it ends. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (message.startsWith('Unexpected end')) return true;
    const [, position] = /at position (\d+)/.exec(message) ?? [];
    return position !== undefined && Number(position) >= text.length;
  }
}

/** The rule's own name beside its number, where it has one. */
function nameOf(value: unknown, [table, index]: readonly PropertyKey[]): string {
  if (table !== 'rules' || typeof index !== 'number') return '';
  if (typeof value !== 'object' || value === null || !('rules' in value)) return '';
  const rule: unknown = Array.isArray(value.rules) ? value.rules[index] : undefined;
  if (typeof rule !== 'object' || rule === null || !('name' in rule)) return '';
  return typeof rule.name === 'string' ? ` (rule "${rule.name}")` : '';
}
