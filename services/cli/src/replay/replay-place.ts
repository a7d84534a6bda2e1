// Owns where a replay is read: from a cluster as an operator, from an exported file, or page by page as a principal, who
// sees its own part. It opens and closes; what is done with the past is the commands'.
import type { PrincipalName } from '@parley/protocol/ids';
import { keptEntries } from '@parley/replay/replay-source';
import { CommandFailure, EXIT } from '../command-failure.ts';
import { currentContext } from '../commands/context.ts';
import type { Surroundings } from '../config.ts';
import { wallTimeMs } from '../effects.ts';
import { credentialOf } from '../local-credentials.ts';
import { withOperator } from '../operator-place.ts';
import type { LineReading } from './line-reading.ts';
import { PageReading } from './page-reading.ts';
import { withReplayFile } from './replay-file.ts';
import { SourceReading } from './source-reading.ts';
import { orThrow, type WholePast } from './whole-past.ts';

export type PlaceOptions = {
  readonly file?: string | undefined;
  /** A principal of a cluster of this host. */
  readonly principal?: PrincipalName | undefined;
  /** The credential file of a principal. */
  readonly creds?: string | undefined;
};

export type ReplayPlace = {
  readonly surroundings: Surroundings;
  /** From `--context`. */
  readonly context: string | undefined;
  readonly options: PlaceOptions;
};

export async function withWholePast<Value>(
  { surroundings, context, options }: ReplayPlace,
  work: (whole: WholePast) => Promise<Value>,
): Promise<Value> {
  if (options.principal !== undefined || options.creds !== undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: 'this shows all of the cluster, which a principal does not see',
      remedy:
        'leave --principal and --creds out; a principal has "parley replay" and "parley replay why"',
    });
  }
  if (options.file !== undefined) {
    return withReplayFile(options.file, async ({ source, header }) => {
      const kept = orThrow(await keptEntries(source));
      const past = { ...kept, knownUntilMs: header.exportedMs };
      return work({ cluster: header.cluster, source, past });
    });
  }
  const chosen = await currentContext(surroundings, context);
  return withOperator(chosen, async (link) => {
    const source = link.source();
    const kept = orThrow(await keptEntries(source));
    const past = { ...kept, knownUntilMs: wallTimeMs() };
    return work({ cluster: link.cluster, source, past });
  });
}

/** Lines of the past, of whoever asks. */
export async function withLines<Value>(
  place: ReplayPlace,
  work: (reading: LineReading) => Promise<Value>,
): Promise<Value> {
  const { surroundings, context, options } = place;
  const { file, principal, creds } = options;
  if (principal === undefined && creds === undefined) {
    const isLive = file === undefined;
    return withWholePast(place, (whole) => work(new SourceReading({ ...whole, isLive })));
  }
  if (file !== undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: 'a file is read by whoever has it: --file goes with neither --principal nor --creds',
    });
  }
  const chosen = creds === undefined ? await currentContext(surroundings, context) : undefined;
  const credentialFile =
    creds ?? (chosen && principal && credentialOf(surroundings, chosen, principal)) ?? '';
  const reading = await PageReading.open(credentialFile, chosen?.servers);
  try {
    return await work(reading);
  } finally {
    await reading.close();
  }
}
