// Owns reading the sandboxes of tasks for Mesos's tools: each question goes to the task's agent over the bus, and each answer
// is bounded.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  type FileEntry,
  type FilesAsk,
  type FilesResult,
  MAX_LISTED,
  MAX_READ_BYTES,
} from '@parley/protocol/task-files';
import { readSandboxPath, type SandboxPath } from './sandbox-paths.ts';

/** Names that one listing tells. */
const MAX_NAMES = 10_000;

type Answer<Kind extends FilesResult['kind']> = Extract<FilesResult, { kind: Kind }>;

/** Mesos's FileInfo. */
export type FileInfo = {
  readonly path: string;
  readonly nlink: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** With the kind of file, as of stat(2). */
  readonly mode: number;
};

export class SandboxFiles {
  readonly #link: Pick<OperatorLink, 'call'>;

  constructor(link: Pick<OperatorLink, 'call'>) {
    this.#link = link;
  }

  /** What is in a directory, or the file itself. Fails with `unknownFile`, or as the agent does. */
  async list(text: string): Promise<Outcome<FileInfo[]>> {
    const place = readSandboxPath(text);
    if (!place.ok) return place;
    const stat = await this.#ask<'stat'>(place.value, { kind: 'stat', path: bytesOf(place.value) });
    if (!stat.ok) return stat;
    const directory = text.replace(/\/+$/, '');
    if (stat.value.entry.kind !== 'directory') {
      return succeed([infoOf(directory, stat.value.entry)]);
    }
    return this.#names(place.value, directory);
  }

  async #names(place: SandboxPath, directory: string): Promise<Outcome<FileInfo[]>> {
    const infos: FileInfo[] = [];
    let after: Uint8Array | undefined;
    do {
      const more = after === undefined ? {} : { after: Uint8Array.from(after) };
      const ask = { kind: 'list', path: bytesOf(place), limit: MAX_LISTED, ...more } as const;
      const page = await this.#ask<'list'>(place, ask);
      if (!page.ok) return page;
      for (const entry of page.value.entries) {
        infos.push(infoOf(`${directory}/${textOf(entry.name)}`, entry));
      }
      after = page.value.next;
    } while (after !== undefined && infos.length < MAX_NAMES);
    return succeed(infos);
  }

  /** At most what one message carries. Fails likewise. */
  async read(
    text: string,
    { offset, length }: { readonly offset: number; readonly length: number | undefined },
  ): Promise<Outcome<{ readonly data: Uint8Array; readonly size: number }>> {
    const place = readSandboxPath(text);
    if (!place.ok) return place;
    const maxBytes = Math.min(length ?? MAX_READ_BYTES, MAX_READ_BYTES);
    const path = bytesOf(place.value);
    if (maxBytes === 0) {
      const stat = await this.#ask<'stat'>(place.value, { kind: 'stat', path });
      return stat.ok ? succeed({ data: new Uint8Array(), size: stat.value.entry.size }) : stat;
    }
    const part = await this.#ask<'read'>(place.value, { kind: 'read', path, offset, maxBytes });
    if (!part.ok) return part;
    return succeed({ data: withHole(part.value, offset, maxBytes), size: part.value.size });
  }

  /** To the end that it has when it is come to. Throws when the agent fails under way. */
  async *bytes(text: string): AsyncGenerator<Uint8Array> {
    for (let offset = 0; ; ) {
      const part = await this.read(text, { offset, length: MAX_READ_BYTES });
      if (!part.ok) throw new Error(part.failure.message);
      if (part.value.data.length === 0) return;
      yield part.value.data;
      offset += part.value.data.length;
    }
  }

  async #ask<Kind extends FilesAsk['kind']>(
    { agentId, task }: SandboxPath,
    ask: Extract<FilesAsk, { kind: Kind }>,
  ): Promise<Outcome<Answer<Kind>>> {
    const answer = await this.#link.call(SUBJECTS.files, { agentId }, { task, ask });
    if (!answer.ok) return answer;
    if (isAnswerTo(ask.kind, answer.value)) return succeed(answer.value);
    return fail(
      'unavailable',
      `agent ${agentId} answered something else: is it of another release?`,
    );
  }
}

const isAnswerTo = <Kind extends FilesResult['kind']>(
  kind: Kind,
  result: FilesResult,
): result is Answer<Kind> => result.kind === kind;

/** The agent leaves out what is a hole in the file; whoever reads on counts bytes, so the zeros are put back. */
function withHole(part: Answer<'read'>, offset: number, maxBytes: number): Uint8Array {
  const hole = offset < 0 ? 0 : part.offset - offset;
  if (hole <= 0) return part.data;
  const data = new Uint8Array(Math.min(maxBytes, hole + part.data.length));
  if (hole < data.length) data.set(part.data.subarray(0, data.length - hole), hole);
  return data;
}

const bytesOf = ({ inside }: SandboxPath): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(inside);
const textOf = (name: Uint8Array): string => new TextDecoder().decode(name);

/** stat(2): S_IFMT. */
const KINDS: Readonly<Record<FileEntry['kind'], number>> = {
  fifo: 0o010000,
  device: 0o020000,
  directory: 0o040000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
};

const infoOf = (path: string, { kind, size, modifiedMs, mode }: FileEntry): FileInfo => ({
  path,
  nlink: kind === 'directory' ? 2 : 1,
  size,
  mtimeMs: modifiedMs,
  mode: KINDS[kind] | mode,
});

const LETTERS: readonly (readonly [number, string])[] = Object.entries({
  p: 0o010000,
  c: 0o020000,
  d: 0o040000,
  '-': 0o100000,
  l: 0o120000,
  s: 0o140000,
}).map(([letter, kind]) => [kind, letter]);

/** As `ls -l` has it: `drwxr-xr-x`. */
export function modeText(mode: number): string {
  const letter = LETTERS.find(([kind]) => kind === (mode & 0o170000))?.[1] ?? '?';
  const bits = [...'rwxrwxrwx'].map((bit, index) => ((mode >> (8 - index)) & 1 ? bit : '-'));
  return `${letter}${bits.join('')}`;
}
