// Owns `parley replay export` and `parley replay verify`.
import type { Moment } from '@parley/replay/moments';
import { verify } from '@parley/replay/verification';
import { CommandFailure, EXIT } from '../command-failure.ts';
import { wallTimeMs } from '../effects.ts';
import { printJson, printLine, printPage } from '../print.ts';
import { writeReplayFile } from '../replay/replay-file.ts';
import { type ReplayPlace, withWholePast } from '../replay/replay-place.ts';
import { describeVerification, isSound, nothingCompared } from '../replay/verification-page.ts';
import { entryAtMoment, orThrow } from '../replay/whole-past.ts';

export type ExportOptions = {
  readonly from: Moment;
  readonly to: Moment;
  readonly force: boolean;
  readonly json: boolean;
};

export async function replayExportCommand(
  place: ReplayPlace,
  file: string,
  { from, to, force, json }: ExportOptions,
): Promise<void> {
  const exported = await withWholePast(place, async (whole) => {
    const { cluster, source, past } = whole;
    const range = {
      cluster,
      fromSequence: await entryAtMoment(whole, from),
      toSequence: await entryAtMoment(whole, to),
      // What a file says of its own past, another one made of it must not say better.
      exportedMs: Math.min(past.knownUntilMs, wallTimeMs()),
    };
    return orThrow(await writeReplayFile(file, { source, range, force }));
  });
  if (json) printJson({ file, ...exported });
  else {
    const { firstSequence, lastSequence, snapshots } = exported;
    printLine(`${file}: entries ${firstSequence} to ${lastSequence}, ${snapshots} snapshots`);
    printLine(`to look into it, here or elsewhere: parley replay --file ${file}`);
  }
}

/** Leaves with 1 when something is not as it was, or when nothing could be compared. */
export async function replayVerifyCommand(place: ReplayPlace, json: boolean): Promise<number> {
  const found = await withWholePast(place, async ({ source }) => orThrow(await verify(source)));
  if (json) printJson(found);
  else printPage(describeVerification(found));
  const nothing = nothingCompared(found);
  if (nothing !== undefined) throw new CommandFailure(EXIT.failed, nothing);
  return isSound(found) ? EXIT.ok : EXIT.failed;
}
