// Tests of reading a file on and on that grows, is cut, is replaced and loses its beginning meanwhile.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyStream, type FileSource, offsetOfLastLines, type StreamPiece } from './file-stream.ts';

/** A file of an agent: what it is changes when the reader pauses. */
class ScriptedFile implements FileSource {
  data = Buffer.alloc(0);
  fileId: string | undefined = 'a';
  holeEnd = 0;
  isThere = true;
  hasEnded = false;
  pieceBytes = 1_000_000;
  written = '';
  readonly notices: string[] = [];
  readonly pauses: number[] = [];
  readonly #changes: (() => void)[];

  constructor(text: string, ...changes: (() => void)[]) {
    this.data = Buffer.from(text);
    this.#changes = changes;
  }

  readonly read = async (asked: number, maxBytes: number): Promise<Outcome<StreamPiece>> => {
    if (!this.isThere) return fail('unknownFile', 'not there');
    const { length: size } = this.data;
    const begin = Math.min(size, Math.max(0, asked < 0 ? size + asked : asked));
    const offset = Math.max(begin, Math.min(size, this.holeEnd));
    const data = this.data.subarray(offset, offset + Math.min(maxBytes, this.pieceBytes));
    const ended = this.hasEnded && offset + data.length === size;
    const { fileId } = this;
    return succeed({ data, offset, size, ended, ...(fileId !== undefined && { fileId }) });
  };

  readonly mayReturn = async (): Promise<boolean> => !this.hasEnded;
  readonly write = async (data: Uint8Array): Promise<void> => {
    this.written += Buffer.from(data).toString();
  };
  readonly notice = (text: string): void => void this.notices.push(text);
  readonly pause = async (durationMs: number): Promise<void> => {
    this.pauses.push(durationMs);
    const change = this.#changes.shift();
    if (change === undefined) this.hasEnded = true;
    else change();
  };

  become(text: string, fileId = this.fileId): void {
    this.data = Buffer.from(text);
    this.fileId = fileId;
    this.isThere = true;
  }
}

const follow = { follow: true, offset: 0 };

test('a follower writes what comes, each byte once, until the task is over', async () => {
  const file: ScriptedFile = new ScriptedFile(
    'one',
    () => file.become('one two'),
    () => undefined,
    () => file.become('one two three'),
  );
  file.pieceBytes = 2;
  expect(await copyStream(file, file, follow)).toBeUndefined();
  expect(file.written).toBe('one two three');
  expect(file.notices).toEqual([]);
});

test('without following it ends at the end, or after so many bytes', async () => {
  const file = new ScriptedFile('one two three');
  await copyStream(file, file, { follow: false, offset: -5 });
  await copyStream(file, file, { follow: false, offset: 3, maxBytes: 4 });
  expect([file.written, file.pauses]).toEqual(['three two', []]);
});

test('a file that is cut or replaced is read from its beginning, and that is said', async () => {
  const file: ScriptedFile = new ScriptedFile(
    'long text',
    () => file.become('cut'),
    () => file.become('other', 'b'),
  );
  await copyStream(file, file, follow);
  expect(file.written).toBe('long textcutother');
  expect(file.notices).toEqual([
    'the file has been cut: it is read from its beginning',
    'the file has been replaced by another one: it is read from its beginning',
  ]);
});

test('an agent that does not say which file it is is believed that it is the same', async () => {
  const file: ScriptedFile = new ScriptedFile('one', () => file.become('one two'));
  file.fileId = undefined;
  await copyStream(file, file, follow);
  expect([file.written, file.notices]).toEqual(['one two', []]);
});

test('a file that goes is waited for while its task may write it again, and no longer', async () => {
  const file: ScriptedFile = new ScriptedFile(
    'one',
    () => {
      file.isThere = false;
    },
    () => file.become('two', 'b'),
    () => {
      file.isThere = false;
    },
  );
  expect(await copyStream(file, file, follow)).toBeUndefined();
  expect(file.written).toBe('onetwo');
  const missing = new ScriptedFile('');
  missing.isThere = false;
  expect(await copyStream(missing, missing, follow)).toMatchObject({ ok: false });
});

test('what is no longer kept is left out, and that is said', async () => {
  const file = new ScriptedFile(`${'\0'.repeat(10)}kept`);
  file.holeEnd = 10;
  await copyStream(file, file, { follow: false, offset: 2 });
  expect(file.written).toBe('kept');
  expect(file.notices).toEqual(['bytes 2 to 10 are not kept (any more), and left out']);
});

test('a quiet file is asked for ever more seldom, down to once a second', async () => {
  const quiet = () => undefined;
  const file: ScriptedFile = new ScriptedFile('x', quiet, quiet, quiet, quiet, quiet, () =>
    file.become('xy'),
  );
  await copyStream(file, file, follow);
  expect(file.pauses).toEqual(
    [100, 200, 400, 800, 1000, 1000, 100, 200].slice(0, file.pauses.length),
  );
  expect(file.pauses.length).toBeGreaterThan(6);
});

test('the last lines begin where somebody who counts them says', async () => {
  const anyText = fc.array(fc.constantFrom('\n', 'a', 'bc\n'), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(anyText, fc.nat(12), async (words, lines) => {
      const text = words.join('');
      const file = new ScriptedFile(text);
      const found = await offsetOfLastLines(file, lines);
      const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
      const wanted = lines === 0 ? '' : all.slice(-lines).join('');
      expect(found.ok && text.slice(found.value)).toBe(wanted);
    }),
  );
  const large = new ScriptedFile('long line\n'.repeat(100_000));
  expect(await offsetOfLastLines(large, 90_000)).toEqual({ ok: true, value: 100_000 });
});
