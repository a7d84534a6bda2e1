// Owns what is made of the reducers' outputs: brings them here, merges them, writes the table of all counts, finds
// the commonest words. The table appears under its name when it is whole.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { JobBucket } from './split-upload.ts';
import { CommonestWords, countsOf, mergeCounts, type WordCount } from './word-counts.ts';

export type Counted = {
  readonly words: number;
  readonly distinct: number;
  readonly commonest: readonly WordCount[];
};

const SHOWN_WORDS = 20;
const LINES_A_CHUNK = 1000;

/** The table cannot be written; `message` says what, why and what to do. */
export class UnwritableOutput extends Error {
  override readonly name = 'UnwritableOutput';
}

/** The file that a table is written to. A device or pipe is written as it is, a file is replaced when all is there. */
export class OutputFile {
  readonly #path: string;
  readonly #partial: string;

  private constructor(file: string, partial: string) {
    this.#path = file;
    this.#partial = partial;
  }

  /** Throws `UnwritableOutput` when the file cannot be written. */
  static async open(file: string): Promise<OutputFile> {
    return await explainWrite(file, async () => {
      const found = await stat(file).catch(() => undefined);
      if (found?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
      if (found !== undefined && !found.isFile()) return new OutputFile(file, file);
      const target = found === undefined ? path.resolve(file) : await realpath(file);
      const partial = `${target}.${process.pid}.partial`;
      await (await open(partial, 'wx')).close();
      return new OutputFile(target, partial);
    });
  }

  /** Throws `UnwritableOutput`, and what `chunks` throws. */
  async write(chunks: AsyncIterable<string>): Promise<void> {
    let source: unknown;
    const watched = async function* (): AsyncGenerator<string> {
      try {
        yield* chunks;
      } catch (error) {
        source = error;
        throw error;
      }
    };
    try {
      await explainWrite(this.#path, async () => {
        await pipeline(Readable.from(watched()), createWriteStream(this.#partial));
        if (this.#partial !== this.#path) await rename(this.#partial, this.#path);
      });
    } catch (error) {
      throw source ?? error;
    }
  }

  /** Takes away what is not whole. */
  async discard(): Promise<void> {
    if (this.#partial !== this.#path) await rm(this.#partial, { force: true });
  }
}

/** Reads the objects that hold the counts; with a file, writes all of them as `word<TAB>count` lines sorted by word. */
export async function collectCounts(
  bucket: Pick<JobBucket, 'download'>,
  outputs: readonly string[],
  file: OutputFile | undefined,
): Promise<Counted> {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-counts-'));
  try {
    const local = outputs.map((_, index) => path.join(folder, String(index)));
    for (const [index, object] of outputs.entries())
      await bucket.download(object, path.join(folder, String(index)));
    const tally = new Tally();
    const lines = tally.lines(mergeCounts(local.map((each) => countsOf(createReadStream(each)))));
    if (file !== undefined) await file.write(lines);
    else for await (const _ of lines);
    return tally.counted;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Tally {
  readonly #best = new CommonestWords(SHOWN_WORDS);
  #words = 0;
  #distinct = 0;

  get counted(): Counted {
    return { words: this.#words, distinct: this.#distinct, commonest: this.#best.words };
  }

  /** The table in chunks of many lines. */
  async *lines(counts: AsyncIterable<WordCount>): AsyncGenerator<string> {
    let lines: string[] = [];
    for await (const entry of counts) {
      this.#words += entry.count;
      this.#distinct += 1;
      this.#best.add(entry);
      lines.push(`${entry.word}\t${entry.count}\n`);
      if (lines.length < LINES_A_CHUNK) continue;
      yield lines.join('');
      lines = [];
    }
    if (lines.length > 0) yield lines.join('');
  }
}

async function explainWrite<T>(file: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UnwritableOutput(`--output ${file} cannot be written (${code}): ${adviceOn(code)}.`, {
      cause: error,
    });
  }
}

function adviceOn(code: string): string {
  switch (code) {
    case 'ENOENT':
      return 'its folder does not exist';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'permission denied, choose another place';
    case 'EISDIR':
      return 'it is a folder, name a file';
    case 'ENOSPC':
      return 'the disk is full, make room or choose another place';
    default:
      return 'choose another place';
  }
}
