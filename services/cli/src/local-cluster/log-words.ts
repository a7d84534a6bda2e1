// Owns finding in a service's log what it said last about a failure: the newest lines that are plain text or of
// level error. For messages only.
import { readFile } from 'node:fs/promises';

const MAX_LINES = 4;

/** Empty when the log says nothing of the kind or cannot be read. */
export async function lastWords(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const words = text
    .split('\n')
    .map(wordsOfLine)
    .filter((line) => line !== undefined);
  return words.slice(-MAX_LINES).join(' / ');
}

function wordsOfLine(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  if (!line.startsWith('{')) return line.trim();
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null) return undefined;
    const isError = 'level' in entry && (entry.level === 'error' || entry.level === 'fatal');
    return isError && 'msg' in entry ? String(entry.msg) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return line.trim();
    throw error;
  }
}
