// Owns the answers to whoever looks into the sandboxes of this agent's tasks: one question, one bounded answer, so many
// at once. Nothing is kept between them. How a path is opened so that it stays inside is in ../sandbox-files.ts.
import { errorCode } from '@parley/isolation/file-failure';
import { type LogsRequest, LogsResult } from '@parley/protocol/agents';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { showName } from '@parley/protocol/file-names';
import { type PrincipalName, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { FilesAsk, FilesRequest, FilesResult } from '@parley/protocol/task-files';
import { unreachable } from '@parley/protocol/unreachable';
import { type Found, findInside, openFound, SandboxPathError } from '../sandbox-files.ts';
import { entryOf, fileIdOf } from './file-entry.ts';
import { listDirectory } from './file-list.ts';
import { parsePath, refuse } from './file-path.ts';
import { readPiece } from './file-read.ts';
import { searchFile } from './file-search.ts';
import { firstKeptOf } from './kept-part.ts';

/** Where a task's files are, and whether it writes no more. */
export type FilesPlace = {
  readonly sandboxDirectory: string;
  readonly runDirectory: string;
  readonly hasEnded: boolean;
};

export type TaskFilesOptions = {
  readonly placeOf: (task: TaskRef) => FilesPlace;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
};

/** Questions under way. Those of one principal's tasks leave room for others. */
const MAX_AT_ONCE = 16;
const MAX_AT_ONCE_OF_PRINCIPAL = 6;

export class TaskFiles {
  readonly #options: TaskFilesOptions;
  readonly #underWay = new Map<PrincipalName, number>();
  #count = 0;

  constructor(options: TaskFilesOptions) {
    this.#options = options;
  }

  /** Of an output of the task; a negative offset counts from the end. */
  async logs({ task, stream, offset, maxBytes }: LogsRequest): Promise<Outcome<LogsResult>> {
    const path = Buffer.from(stream);
    const read = await this.answer({ task, ask: { kind: 'read', path, offset, maxBytes } });
    if (read.ok) return succeed(LogsResult.parse(read.value));
    return read.failure.code === 'unknownFile'
      ? fail('unknownTask', `no ${stream} of task ${task.taskId} is kept here`)
      : read;
  }

  /** As a principal: of its own tasks only. */
  ofPrincipal(principal: PrincipalName, request: FilesRequest): Promise<Outcome<FilesResult>> {
    if (request.task.principal === principal) return this.answer(request);
    const why = `${taskKey(request.task)} is a task of another principal; ask about tasks of ${principal}, or as an operator`;
    return Promise.resolve(fail('notPermitted', why));
  }

  /** Never rejects. */
  async answer({ task, ask }: FilesRequest): Promise<Outcome<FilesResult>> {
    const { principal } = task;
    const ofPrincipal = this.#underWay.get(principal) ?? 0;
    if (this.#count >= MAX_AT_ONCE || ofPrincipal >= MAX_AT_ONCE_OF_PRINCIPAL) {
      return fail('overloaded', 'this agent answers many questions about files; try again');
    }
    this.#count += 1;
    this.#underWay.set(principal, ofPrincipal + 1);
    try {
      return await this.#look(task, ask);
    } catch (error) {
      return failureOf(error, task, ask.path);
    } finally {
      this.#count -= 1;
      const left = (this.#underWay.get(principal) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(principal);
      else this.#underWay.set(principal, left);
    }
  }

  async #look(task: TaskRef, ask: FilesAsk): Promise<Outcome<FilesResult>> {
    const parts = parsePath(ask.path);
    if (!parts.ok) return parts;
    const place = this.#options.placeOf(task);
    const found = await findInside(place.sandboxDirectory, parts.value);
    try {
      return await this.#tell(found, ask, { ...place, parts: parts.value });
    } finally {
      await found.handle.close();
    }
  }

  async #tell(found: Found, ask: FilesAsk, at: At): Promise<Outcome<FilesResult>> {
    const { hasEnded, parts } = at;
    switch (ask.kind) {
      case 'stat': {
        const name = parts.at(-1) ?? Buffer.of();
        return succeed({ kind: 'stat', entry: entryOf(name, found.status), ended: hasEnded });
      }
      case 'list': {
        if (found.status.isDirectory()) {
          return succeed({ kind: 'list', ...(await listDirectory(found.handle, ask)) });
        }
        return refuse(ask.path, 'is no directory', 'read it, or list the directory that it is in');
      }
      case 'read':
      case 'search':
        return found.status.isFile()
          ? this.#tellContent(found, ask, at)
          : refuse(ask.path, `is ${wordOf(found)}, and no regular file`, remedyOf(found));
      default:
        return unreachable(ask);
    }
  }

  async #tellContent(
    found: Found,
    ask: Extract<FilesAsk, { kind: 'read' | 'search' }>,
    { hasEnded, runDirectory, parts }: At,
  ): Promise<Outcome<FilesResult>> {
    const fileId = fileIdOf(found.status);
    const handle = await openFound(found);
    try {
      if (ask.kind === 'read') {
        const firstKept = await firstKeptOf(runDirectory, parts, found.status);
        const piece = await readPiece(handle, { ...ask, firstKept });
        const isAtEnd = piece.offset + piece.data.length >= piece.size;
        return succeed({ kind: 'read', ...piece, fileId, ended: hasEnded && isAtEnd });
      }
      const search = await searchFile(handle, ask, this.#options.nowMs);
      return succeed({
        kind: 'search',
        ...search,
        fileId,
        ended: hasEnded && search.next >= search.size,
      });
    } finally {
      await handle.close();
    }
  }
}

type At = FilesPlace & { readonly parts: readonly Uint8Array[] };

const wordOf = ({ status }: Found): string => {
  if (status.isDirectory()) return 'a directory';
  return status.isSymbolicLink() ? 'a link' : `a ${entryOf(Buffer.of(), status).kind}`;
};

const remedyOf = ({ status }: Found): string => {
  if (status.isDirectory()) return 'list it';
  return status.isSymbolicLink()
    ? 'links are not followed, since they may lead out of the sandbox: name the file itself'
    : 'only regular files are read';
};

function failureOf(error: unknown, task: TaskRef, path: Uint8Array): ReturnType<typeof fail> {
  if (error instanceof SandboxPathError) return pathFailure(error.reason, task, path);
  switch (errorCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return refuse(path, 'may not be read by the user of the agent', 'change its permissions');
    case 'ENAMETOOLONG':
      return fail('unknownFile', `"${showName(path)}" has a part that is longer than names are`);
    default: {
      const reason = error instanceof Error ? error.message : String(error);
      return fail('internalError', `"${showName(path)}" cannot be read: ${reason}`);
    }
  }
}

function pathFailure(
  reason: SandboxPathError['reason'],
  task: TaskRef,
  path: Uint8Array,
): ReturnType<typeof fail> {
  switch (reason) {
    case 'noSandbox':
      return fail('unknownTask', `nothing of task ${taskKey(task)} is kept here`);
    case 'missing':
      return fail(
        'unknownFile',
        `there is no "${showName(path)}" in the sandbox of ${taskKey(task)}`,
      );
    case 'refused': {
      const why = 'leads over a link, or through a file';
      return refuse(path, why, 'links are not followed: name the directory itself');
    }
    default:
      return unreachable(reason);
  }
}
