// Owns reading lines from journal and snapshots themselves: of a cluster, or of a file.
import { setTimeout as wait } from 'node:timers/promises';
import type { ReplayLine } from '@parley/protocol/replay';
import { ReplayCursor } from '@parley/replay/cursor';
import { isAbout } from '@parley/replay/line-filter';
import { LineMaker } from '@parley/replay/line-maker';
import { firstEntryFrom } from '@parley/replay/moments';
import { CommandFailure, EXIT } from '../command-failure.ts';
import { type LineRange, type LineReading, latestBegin } from './line-reading.ts';
import { entryAtMoment, orThrow, type WholePast } from './whole-past.ts';

const FOLLOW_MS = 300;

export class SourceReading implements LineReading {
  readonly #whole: Pick<WholePast, 'source' | 'past'> & { readonly isLive: boolean };

  constructor(whole: Pick<WholePast, 'source' | 'past'> & { readonly isLive: boolean }) {
    this.#whole = whole;
  }

  async read(range: LineRange, onLine: (line: ReplayLine) => void): Promise<void> {
    const { source, isLive } = this.#whole;
    if (range.follow && !isLive) {
      throw new CommandFailure(EXIT.usage, { what: 'a file does not grow: leave --follow out' });
    }
    const end = range.to && (await entryAtMoment(this.#whole, range.to));
    const from = await this.#begin(range.from, end);
    const to = end ?? Number.MAX_SAFE_INTEGER;
    // What is not asked for is stepped without being put into words.
    const cursor = orThrow(await ReplayCursor.open(source, from - 1));
    const maker = new LineMaker(cursor.replica.state);
    for (;;) {
      const advanced = await cursor.advance(to, (entry) => {
        for (const line of maker.linesOf(entry)) if (isAbout(line, range.filter)) onLine(line);
        return true;
      });
      orThrow(advanced);
      if (!range.follow || cursor.sequence >= to) return;
      await wait(FOLLOW_MS);
    }
  }

  async #begin(from: LineRange['from'], end: number | undefined): Promise<number> {
    const { source, past } = this.#whole;
    const { first, last } = past;
    if (from === undefined) return first.sequence;
    if (from === 'latest') return latestBegin(first.sequence, end ?? last.sequence);
    return orThrow(await firstEntryFrom(source.journal, past, from));
  }
}
