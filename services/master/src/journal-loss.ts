// Owns whether a journal still holds what was written to it.
import type { Journal } from '@parley/actor/journal';

/** Says what is lost; undefined when nothing is, or the journal does not answer now. */
export async function lossOfJournal(
  journal: Pick<Journal, 'info'>,
  written: { readonly createdMs: number; readonly sequence: number },
): Promise<string | undefined> {
  const info = await journal.info();
  if (!info.ok) return undefined;
  const { createdMs, lastSequence } = info.value;
  const { sequence } = written;
  if (createdMs === written.createdMs && lastSequence >= sequence) return undefined;
  return `entry ${sequence} was written, but the journal ends at entry ${lastSequence}, or is another one`;
}
