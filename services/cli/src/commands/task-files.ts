// Owns `parley task files list`, `read` and `search`: what lies in a task's sandbox, read from its agent over the bus.

import { copyStream, type FileSource, offsetOfLastLines } from '@parley/operator-sdk/file-stream';
import { showName } from '@parley/protocol/file-names';
import type { FileEntry } from '@parley/protocol/task-files';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { formatTable, printJson, printPage } from '../print.ts';
import { RemoteFiles, type RemotePath } from '../remote-files.ts';
import { STANDARD_OUTPUT, writeOut } from '../standard-output.ts';
import { type TaskAddress, withTask } from '../task-reach.ts';

export type FileAddress = TaskAddress & { readonly path: RemotePath };

export async function filesListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: FileAddress,
  json: boolean,
): Promise<void> {
  await withTask(surroundings, named, address, async (reached) => {
    const files = new RemoteFiles(reached);
    const { path } = address;
    const { entry } = await files.stat(path);
    const isDirectory = entry.kind === 'directory';
    const entries: FileEntry[] = isDirectory ? [] : [entry];
    if (isDirectory) for await (const each of files.list(path)) entries.push(each);
    if (json) printJson(entries.map(describe));
    else printPage(formatEntries(entries));
  });
}

export type FilesReadHow = {
  readonly follow: boolean;
  readonly offset?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** Only so many lines of what is there. */
  readonly tail?: number | undefined;
};

export async function filesReadCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: FileAddress,
  how: FilesReadHow,
): Promise<void> {
  await withTask(surroundings, named, address, async (reached) => {
    const files = new RemoteFiles(reached);
    const { path } = address;
    const source: FileSource = {
      read: (offset, maxBytes) => files.tryRead(path, offset, maxBytes),
      mayReturn: async () => !(await files.stat(new Uint8Array())).ended,
    };
    const start = how.tail === undefined ? undefined : await offsetOfLastLines(source, how.tail);
    if (start?.ok === false) throw files.failure(path, start.failure);
    const failed = await copyStream(source, STANDARD_OUTPUT, {
      follow: how.follow,
      offset: start?.value ?? how.offset ?? 0,
      maxBytes: how.maxBytes,
    });
    if (failed !== undefined) throw files.failure(path, failed.failure);
  });
}

export async function filesSearchCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: FileAddress,
  how: { readonly text: string; readonly offset: number; readonly json: boolean },
): Promise<void> {
  await withTask(surroundings, named, address, async (reached) => {
    const files = new RemoteFiles(reached);
    const wanted = new TextEncoder().encode(how.text);
    const found: object[] = [];
    let count = 0;
    for await (const { offset, line, lineOffset } of files.search(
      address.path,
      wanted,
      how.offset,
    )) {
      count += 1;
      if (how.json) found.push({ offset, lineOffset, line: showName(line) });
      else await writeOut(Buffer.from(`${offset}: ${showName(line)}\n`));
    }
    if (how.json) printJson(found);
    if (count > 0) return;
    throw new CommandFailure(EXIT.notFound, {
      what: `"${how.text}" is not in "${showName(address.path)}"`,
      why: 'it is looked for letter by letter, as it is typed',
    });
  });
}

function describe(entry: FileEntry): Record<string, string | number> {
  return {
    mode: entry.mode.toString(8).padStart(4, '0'),
    kind: entry.kind,
    size: entry.size,
    modified: new Date(entry.modifiedMs).toISOString(),
    name: showName(entry.name),
  };
}

function formatEntries(entries: readonly FileEntry[]): string {
  if (entries.length === 0) return 'nothing is in it\n';
  return formatTable(['mode', 'kind', 'size', 'modified', 'name'], entries.map(describe));
}
