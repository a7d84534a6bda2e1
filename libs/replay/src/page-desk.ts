// Owns the pages in which principals read their part of the past: each of a bounded size, made within a bounded time, and
// going on where the one before ended. It keeps a few readers where they stand, so that a next page costs no snapshot.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { ReplayLine, ReplayPage, ReplayPageRequest } from '@parley/protocol/replay';
import { ReplayCursor } from './cursor.ts';
import { isAbout, type LineFilter } from './line-filter.ts';
import { LineMaker } from './line-maker.ts';
import { entryOf } from './moments.ts';
import { visibleTo } from './principal-view.ts';
import { type Kept, keptEntries, type ReplaySource } from './replay-source.ts';

/** Of the lines of a page; well below what the bus carries. */
const MAX_PAGE_BYTES = 512 * 1024;
/** A page that took so long ends where it is. */
const PAGE_MS = 1000;
/** Principals whose readers are kept. Each holds a whole state. */
const MAX_READERS = 2;

type Place = { readonly sequence: number; readonly skip: number };

/** Stands after an entry; `lines`: what the principal may see of that entry. */
type Reader = {
  readonly cursor: ReplayCursor;
  readonly maker: LineMaker;
  lines: readonly ReplayLine[];
};

export type PageDeskOptions = {
  readonly source: ReplaySource;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Wall clock. */
  readonly wallTimeMs: () => number;
};

export class PageDesk {
  readonly #options: PageDeskOptions;
  /** The one that was used last is the last. */
  readonly #readers = new Map<PrincipalName, Reader>();

  constructor(options: PageDeskOptions) {
    this.#options = options;
  }

  /** Fails with `unknownMoment`, `unavailable` or `internalError`. One at a time. */
  async page(principal: PrincipalName, request: ReplayPageRequest): Promise<Outcome<ReplayPage>> {
    const { source } = this.#options;
    const kept = await keptEntries(source);
    if (!kept.ok) return kept;
    const place = await this.#placeOf(kept.value, request.from);
    if (!place.ok) return place;
    const { first, last } = kept.value;
    if (request.limit === 0 || place.value.sequence > last.sequence) {
      const isEnd = place.value.sequence > last.sequence;
      return succeed({ lines: [], next: place.value, isEnd, first, last });
    }
    const reader = await this.#readerAt(principal, place.value.sequence);
    if (!reader.ok) return reader;
    const page = new PageBuilder(principal, request, place.value);
    const done = await this.#fill(page, reader.value);
    if (!done.ok) {
      this.#readers.delete(principal);
      return done;
    }
    const isEnd = page.next.sequence > last.sequence;
    return succeed({ lines: page.lines, next: page.next, isEnd, first, last });
  }

  async #fill(page: PageBuilder, reader: Reader): Promise<Outcome<undefined>> {
    const { cursor, maker } = reader;
    const endMs = this.#options.nowMs() + PAGE_MS;
    // The reader stands on the entry itself where the page before ended within it.
    if (cursor.sequence === page.next.sequence && !page.take(cursor.sequence, reader.lines)) {
      return succeed(undefined);
    }
    return cursor.advance(Number.MAX_SAFE_INTEGER, (entry) => {
      const { state, sequence } = entry;
      reader.lines = visibleLines(page.principal, maker.linesOf(entry), state);
      return page.take(sequence, reader.lines) && this.#options.nowMs() < endMs;
    });
  }

  async #placeOf(kept: Kept, from: ReplayPageRequest['from']): Promise<Outcome<Place>> {
    const { first, last } = kept;
    if (from === undefined) return succeed({ sequence: first.sequence, skip: 0 });
    if ('sequence' in from) {
      if (from.sequence >= first.sequence) return succeed(from);
      return fail('unknownMoment', `what was before entry ${first.sequence} is no longer kept`);
    }
    if (from.storedMs <= first.storedMs) return succeed({ sequence: first.sequence, skip: 0 });
    if (from.storedMs > last.storedMs) return succeed({ sequence: last.sequence + 1, skip: 0 });
    const past = { ...kept, knownUntilMs: this.#options.wallTimeMs() };
    const moment = { kind: 'time', atMs: from.storedMs - 1 } as const;
    const before = await entryOf(this.#options.source.journal, past, moment);
    return before.ok ? succeed({ sequence: before.value + 1, skip: 0 }) : before;
  }

  /** One that stands before the entry, or on it where a page ended there. */
  async #readerAt(principal: PrincipalName, sequence: number): Promise<Outcome<Reader>> {
    const known = this.#readers.get(principal);
    this.#readers.delete(principal);
    const isThere = known?.cursor.sequence === sequence - 1 || known?.cursor.sequence === sequence;
    if (known !== undefined && isThere) {
      this.#readers.set(principal, known);
      return succeed(known);
    }
    // Before a state is loaded, so that there are never more of them.
    for (const oldest of this.#readers.keys()) {
      if (this.#readers.size < MAX_READERS) break;
      this.#readers.delete(oldest);
    }
    const cursor = await ReplayCursor.open(this.#options.source, sequence - 1);
    if (!cursor.ok) return cursor;
    const maker = new LineMaker(cursor.value.replica.state);
    const reader: Reader = { cursor: cursor.value, maker, lines: [] };
    this.#readers.set(principal, reader);
    return succeed(reader);
  }
}

const visibleLines = (
  principal: PrincipalName,
  lines: readonly ReplayLine[],
  state: ClusterState,
): ReplayLine[] =>
  lines.flatMap((line) => {
    const visible = visibleTo(principal, line, state);
    return visible === undefined ? [] : [visible];
  });

class PageBuilder {
  readonly principal: PrincipalName;
  readonly lines: ReplayLine[] = [];
  readonly #filter: LineFilter;
  readonly #limit: number;
  #next: Place;
  #bytes = 0;

  constructor(
    principal: PrincipalName,
    { framework, agent, task, limit }: ReplayPageRequest,
    from: Place,
  ) {
    this.principal = principal;
    this.#limit = limit;
    this.#next = from;
    const ofFramework = framework && { principal, frameworkId: framework };
    this.#filter = {
      ...(ofFramework && { framework: ofFramework }),
      ...(agent !== undefined && { agent }),
      ...(task !== undefined && ofFramework && { task: { ...ofFramework, taskId: task } }),
    };
  }

  get next(): Place {
    return this.#next;
  }

  /** Takes what fits of an entry's lines. False when the page is full. */
  take(sequence: number, lines: readonly ReplayLine[]): boolean {
    const skip = this.#next.sequence === sequence ? this.#next.skip : 0;
    const wanted = lines.filter((line) => isAbout(line, this.#filter)).slice(skip);
    for (const [index, line] of wanted.entries()) {
      if (!this.#add(line)) {
        this.#next = { sequence, skip: skip + index };
        return false;
      }
    }
    this.#next = { sequence: sequence + 1, skip: 0 };
    return true;
  }

  #add(line: ReplayLine): boolean {
    if (this.lines.length >= this.#limit) return false;
    const whole = encode(line).length;
    const isLarge = whole > MAX_PAGE_BYTES;
    const shown: ReplayLine = isLarge ? { ...line, detail: undefined } : line;
    const bytes = isLarge ? encode(shown).length : whole;
    if (this.lines.length > 0 && this.#bytes + bytes > MAX_PAGE_BYTES) return false;
    this.lines.push(shown);
    this.#bytes += bytes;
    return true;
  }
}
