// Owns the questions about a task's files as a command puts them to an agent, and what their refusals are in words.
import type { Failure, Outcome } from '@parley/protocol/errors';
import { showName } from '@parley/protocol/file-names';
import { taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  type FileEntry,
  type FilesAsk,
  type FilesResult,
  MAX_LISTED,
  MAX_MATCHES,
} from '@parley/protocol/task-files';
import { CommandFailure, EXIT, failureFromCluster } from './command-failure.ts';
import { printNotice } from './print.ts';
import type { ReachedTask } from './task-reach.ts';

type Answer<Kind extends FilesResult['kind']> = Extract<FilesResult, { kind: Kind }>;
type Question<Kind extends FilesAsk['kind']> = Extract<FilesAsk, { kind: Kind }>;
export type RemotePath = Uint8Array<ArrayBuffer>;

export class RemoteFiles {
  readonly #reached: ReachedTask;

  constructor(reached: ReachedTask) {
    this.#reached = reached;
  }

  async stat(path: RemotePath): Promise<Answer<'stat'>> {
    return this.#orThrow(path, await this.#ask<'stat'>({ kind: 'stat', path }));
  }

  async read(path: RemotePath, offset: number, maxBytes: number): Promise<Answer<'read'>> {
    return this.#orThrow(path, await this.tryRead(path, offset, maxBytes));
  }

  tryRead(path: RemotePath, offset: number, maxBytes: number): Promise<Outcome<Answer<'read'>>> {
    return this.#ask<'read'>({ kind: 'read', path, offset, maxBytes });
  }

  /** Everything in a directory, in the order of bytes; says so where the agent does not look at all of it. */
  async *list(path: RemotePath): AsyncGenerator<FileEntry> {
    let after: Answer<'list'>['next'];
    do {
      const question = { kind: 'list', path, limit: MAX_LISTED, ...(after && { after }) } as const;
      const page = this.#orThrow(path, await this.#ask<'list'>(question));
      yield* page.entries;
      after = page.next;
      if (after === undefined && page.isCut) {
        printNotice(`"${showName(path)}" has more names than its agent looks at: some are missing`);
      }
    } while (after !== undefined);
  }

  /** One answer after the other, to the end of the file. */
  async *search(
    path: RemotePath,
    text: RemotePath,
    offset: number,
  ): AsyncGenerator<Answer<'search'>['matches'][number]> {
    for (let next = offset; ; ) {
      const question = {
        kind: 'search',
        path,
        text,
        offset: next,
        maxMatches: MAX_MATCHES,
      } as const;
      const part = this.#orThrow(path, await this.#ask<'search'>(question));
      yield* part.matches;
      if (part.next >= part.size || part.next === next) return;
      next = part.next;
    }
  }

  async #ask<Kind extends FilesAsk['kind']>(ask: Question<Kind>): Promise<Outcome<Answer<Kind>>> {
    const { link, agentId, task } = this.#reached;
    const answer = await link.call(SUBJECTS.files, { agentId }, { task, ask });
    if (!answer.ok) return answer;
    if (!isAnswerTo(ask.kind, answer.value)) {
      throw new CommandFailure(EXIT.failed, {
        what: `${agentId} answered something else`,
        why: `it was asked to ${ask.kind} and answered with "${answer.value.kind}"`,
        remedy: 'is the agent of another release? See "parley agent list"',
      });
    }
    return { ok: true, value: answer.value };
  }

  #orThrow<Value>(path: RemotePath, outcome: Outcome<Value>): Value {
    if (outcome.ok) return outcome.value;
    throw this.failure(path, outcome.failure);
  }

  failure(path: RemotePath, failure: Failure): CommandFailure {
    const { task, agentId } = this.#reached;
    const name = path.length === 0 ? 'the sandbox' : `"${showName(path)}"`;
    const what = `${name} of ${taskKey(task)} cannot be read`;
    const remedy =
      failure.code === 'unavailable'
        ? `the files of a task lie on its agent: is ${agentId} there, and of this release? See "parley agent list"`
        : undefined;
    return failureFromCluster(what, failure, { remedy });
  }
}

const isAnswerTo = <Kind extends FilesResult['kind']>(
  kind: Kind,
  result: FilesResult,
): result is Answer<Kind> => result.kind === kind;

export function joinPath(directory: RemotePath, name: Uint8Array): RemotePath {
  const between = directory.length === 0 ? [] : [0x2f];
  return Uint8Array.from([...directory, ...between, ...name]);
}
