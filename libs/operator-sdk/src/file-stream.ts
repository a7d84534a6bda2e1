// Owns how a file that somebody else writes is read on and on: from an offset or the last lines, in pieces, through what
// happens to files: they grow, are cut, are replaced by others, lose their beginning. It asks again; nobody keeps anything
// for it meanwhile.
import type { Outcome } from '@parley/protocol/errors';

export type StreamPiece = {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly size: number;
  readonly ended: boolean;
  readonly fileId?: string | undefined;
};

export type FileSource = {
  readonly read: (offset: number, maxBytes: number) => Promise<Outcome<StreamPiece>>;
  /** Whether more may come although the file is not there just now. */
  readonly mayReturn: () => Promise<boolean>;
};

export type FileSink = {
  /** Resolves when there is room for more. */
  readonly write: (data: Uint8Array) => Promise<void>;
  /** In words, for people. */
  readonly notice: (text: string) => void;
  readonly pause: (durationMs: number) => Promise<void>;
};

export type StreamHow = {
  readonly follow: boolean;
  /** Where to begin; negative counts from the end. */
  readonly offset: number;
  /** So many bytes, and no more. */
  readonly maxBytes?: number | undefined;
};

const PIECE_BYTES = 256 * 1024;
const FIRST_PAUSE_MS = 100;
/** What a follower of a quiet file costs its agent: a question a second. */
const LONGEST_PAUSE_MS = 1000;
/** How far back the last lines are looked for. */
const MAX_TAIL_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

type Failed = Extract<Outcome<never>, { ok: false }>;

/** Undefined when all that was wanted has been written; else the failure of the source. */
export function copyStream(
  source: FileSource,
  sink: FileSink,
  how: StreamHow,
): Promise<Failed | undefined> {
  return new Copy(source, sink, how).run();
}

class Copy {
  readonly #source: FileSource;
  readonly #sink: FileSink;
  readonly #follow: boolean;
  #at: number;
  #left: number;
  #seen: StreamPiece | undefined;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(source: FileSource, sink: FileSink, how: StreamHow) {
    this.#source = source;
    this.#sink = sink;
    this.#follow = how.follow;
    this.#at = how.offset;
    this.#left = how.maxBytes ?? Number.POSITIVE_INFINITY;
  }

  async run(): Promise<Failed | undefined> {
    while (this.#left > 0) {
      const read = await this.#source.read(this.#at, Math.min(this.#left, PIECE_BYTES));
      if (!read.ok) {
        if (!this.#isAwaited(read)) return read;
        if (!(await this.#source.mayReturn())) return undefined;
        await this.#sink.pause(LONGEST_PAUSE_MS);
      } else if (!this.#beginsAnew(read.value) && (await this.#isOver(read.value))) {
        return undefined;
      }
    }
    return undefined;
  }

  /** Takes a piece; at the end of what there is, waits until it is time to ask for more. */
  async #isOver(piece: StreamPiece): Promise<boolean> {
    const isMoving = await this.#take(piece);
    if (isMoving && this.#at < piece.size) return false;
    if (piece.ended || !this.#follow) return true;
    this.#pauseMs = isMoving ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
    await this.#sink.pause(this.#pauseMs);
    return false;
  }

  /** A file that was there is perhaps being replaced. */
  #isAwaited({ failure }: Failed): boolean {
    return this.#follow && this.#seen !== undefined && failure.code === 'unknownFile';
  }

  #beginsAnew(piece: StreamPiece): boolean {
    const change = this.#seen && changeOf(piece, this.#at, this.#seen);
    this.#seen = piece;
    if (change === undefined) return false;
    this.#sink.notice(`${change}: it is read from its beginning`);
    this.#at = 0;
    return true;
  }

  /** Whether there was anything. */
  async #take({ data, offset }: StreamPiece): Promise<boolean> {
    const isAsked = this.#at >= 0;
    const isBehindHole = isAsked && offset > this.#at;
    if (isBehindHole) {
      this.#sink.notice(`bytes ${this.#at} to ${offset} are not kept (any more), and left out`);
    }
    await this.#sink.write(data);
    this.#left -= data.length;
    this.#at = offset + data.length;
    return data.length > 0 || isBehindHole;
  }
}

/** Why reading cannot just go on at `at`. An older agent does not say which file it is. */
function changeOf(piece: StreamPiece, at: number, before: StreamPiece): string | undefined {
  if (before.fileId !== undefined && piece.fileId !== before.fileId) {
    return 'the file has been replaced by another one';
  }
  return piece.size < at ? 'the file has been cut' : undefined;
}

/** Where the last `lines` lines begin. A last line without a newline is one. */
export async function offsetOfLastLines(
  source: FileSource,
  lines: number,
): Promise<Outcome<number>> {
  let piece = await source.read(-PIECE_BYTES, PIECE_BYTES);
  if (!piece.ok) return piece;
  const { size, data: end } = piece.value;
  if (lines === 0) return { ok: true, value: size };
  // The newline at the very end ends the last line and begins none.
  let wanted = lines + (end.at(-1) === NEWLINE ? 1 : 0);
  for (;;) {
    const { data, offset } = piece.value;
    const newlines = newlinesOf(data);
    const before = newlines.at(-wanted);
    if (before !== undefined) return { ok: true, value: offset + before + 1 };
    wanted -= newlines.length;
    const begin = Math.max(0, offset - PIECE_BYTES);
    // Or what is kept begins here.
    const isFirst = offset === 0 || data.length === 0 || size - offset >= MAX_TAIL_BYTES;
    if (isFirst) return { ok: true, value: offset };
    piece = await source.read(begin, offset - begin);
    if (!piece.ok) return piece;
  }
}

function newlinesOf(data: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) found.push(at);
  return found;
}
