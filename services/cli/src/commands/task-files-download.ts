// Owns `parley task files download`: a file or a folder out of a task's sandbox, to this host.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { showName } from '@parley/protocol/file-names';
import { taskKey } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { download } from '../file-download.ts';
import { printJson, printLine, printNotice } from '../print.ts';
import { RemoteFiles } from '../remote-files.ts';
import { withTask } from '../task-reach.ts';
import type { FileAddress } from './task-files.ts';

export type DownloadHow = {
  /** A place, or a directory that is there to put it into; else the directory that this is typed in. */
  readonly to?: string | undefined;
  readonly force: boolean;
  readonly json: boolean;
};

export async function filesDownloadCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: FileAddress,
  { to, force, json }: DownloadHow,
): Promise<void> {
  await withTask(surroundings, named, address, async (reached) => {
    const name = localName(address);
    const place = to ?? '.';
    const isDirectory = await stat(place).then(
      (status) => status.isDirectory(),
      () => false,
    );
    const target = isDirectory ? path.join(place, name) : place;
    const files = new RemoteFiles(reached);
    const done = await download(files, address.path, { target, force });
    for (const one of done.leftOut) printNotice(`left out: "${one.name}": ${one.why}`);
    if (json) printJson(done);
    else printLine(`${done.path}: ${done.files} files, ${done.bytes} bytes`);
  });
}

/** The last part of its path; the task's id for the whole sandbox. */
function localName({ path: from, task }: FileAddress): string {
  const name = path.posix.basename(showName(from));
  if (name === '') return task.taskId;
  if (name !== '.' && name !== '..') return name;
  throw new CommandFailure(EXIT.usage, {
    what: `"${showName(from)}" of ${taskKey(task)} was not copied`,
    why: 'its path ends with no name',
    remedy: 'name a file or a directory; without a path all of the sandbox is copied',
  });
}
