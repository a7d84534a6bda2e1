// Finds out what confining tasks takes on this host: whether its programs are there, which users there are to give, and
// which places are hidden or let through. It refuses before anything was started, and never confines less than asked.
import { mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import {
  type Confinement,
  confiningWords,
  DEFAULT_SIGNALS,
  isBelow,
  type Place,
  SYSCALL_FILTER_DESCRIPTOR,
  TEMPORARY,
} from '@parley/isolation/confinement';
import { runCommand } from '@parley/isolation/run-command';
import { filteredProcessor, syscallFilterFor } from '@parley/isolation/syscall-filter';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ConfinementChoice } from './confinement-options.ts';
import { replaceFile } from './durable-file.ts';
import { FrameworkUsers } from './framework-users.ts';
import type { PreparedIsolation } from './isolation-setup.ts';
import { TaskConfinement, volumesDirectoryOf } from './task-confinement.ts';
import { findTaskUsers } from './task-users.ts';

export type ConfinementRequest = {
  readonly choice: ConfinementChoice;
  readonly isolation: Pick<PreparedIsolation, 'kind' | 'enterCommand' | 'rootPath'>;
  /** Absolute, and without links in it. */
  readonly workDirectory: string;
  /** What lets the agent onto the bus. */
  readonly secretFiles: readonly string[];
};

const REMEDY = 'or let tasks see all that their agent sees, with --confine none';

/** Fails with `notPermitted`: the message says what is missing and what to do. */
export async function prepareConfinement(
  request: ConfinementRequest,
): Promise<Outcome<TaskConfinement>> {
  const { choice, isolation, workDirectory } = request;
  const isRoot = process.getuid?.() === 0;
  const isConfined = confines(choice.policy, isolation.kind);
  const fault = taskUsersFault(choice, { isRoot, isConfined });
  if (fault !== undefined) return fail('notPermitted', fault);
  if (!isConfined) return succeed(new TaskConfinement(undefined));
  const missing = await missingPrograms(isolation.enterCommand);
  if (missing !== undefined) return refused(missing);
  const users = isRoot ? FrameworkUsers.open(workDirectory, choice.users) : succeed(undefined);
  if (!users.ok) return users;
  const { enterCommand } = isolation;
  const taskUsers = await findTaskUsers(choice.taskUsers, choice.users, enterCommand);
  if (!taskUsers.ok) return taskUsers;
  mkdirSync(volumesDirectoryOf(workDirectory), { recursive: true, mode: 0o711 });
  const places = placesOf(request, isRoot);
  if (!places.ok) return places;
  const filter = choice.syscalls === 'none' ? succeed(undefined) : writtenFilter(workDirectory);
  if (!filter.ok) return filter;
  const { first } = choice.users;
  const owner = isRoot ? { userId: first, groupId: first } : undefined;
  // Only root can keep them out.
  const hostSharesMounts = isRoot && (await sharesMounts(isolation.enterCommand));
  const what = { places: places.value, syscallFilter: filter.value, hostSharesMounts };
  const why = await tried({ owner, ...what }, request);
  if (why !== undefined) return refused(`a confined task does not start here: ${why.trim()}`);
  // It takes root to mount one, and a scope to take it away with.
  const canHaveImages = isRoot && isolation.kind !== 'process';
  const whom = { users: users.value, taskUsers: taskUsers.value };
  return succeed(new TaskConfinement({ ...whom, canHaveImages, ...what }));
}

/** Whether tasks are confined where they run so. */
export function confines(
  policy: ConfinementChoice['policy'],
  kind: PreparedIsolation['kind'],
): boolean {
  return policy === 'default' || (policy === 'inScopes' && kind !== 'process');
}

function taskUsersFault(
  { taskUsers }: ConfinementChoice,
  { isRoot, isConfined }: { readonly isRoot: boolean; readonly isConfined: boolean },
): string | undefined {
  if (taskUsers.length === 0) return undefined;
  if (!isRoot) return '--task-users needs an agent that is root: leave it out, or start it as root';
  return isConfined ? undefined : '--task-users needs confined tasks: --confine default';
}

/** Whether what is mounted later on the host appears in copies of its mounts too: the optional fields (proc(5)). */
async function sharesMounts(enterCommand: readonly string[]): Promise<boolean> {
  const { stdout } = await runCommand([...enterCommand, 'cat', '/proc/self/mountinfo']);
  return stdout.split('\n').some((line) => / (?:shared|master):\d+ /.test(line));
}

async function missingPrograms(enterCommand: readonly string[]): Promise<string | undefined> {
  const packages = { bwrap: 'bubblewrap', setpriv: 'util-linux', nsenter: 'util-linux' };
  for (const [program, name] of Object.entries(packages)) {
    const { code } = await runCommand([...enterCommand, program, '--version']);
    if (code === 0) continue;
    return `tasks are confined with ${program}, which is not there: install the package ${name} ("apt-get install ${name}")`;
  }
  return undefined;
}

/** Gives the file, in which the filter of this release is. Tasks of before keep theirs. */
function writtenFilter(workDirectory: string): Outcome<string> {
  const processor = filteredProcessor(process.arch);
  if (processor === undefined) {
    const what = `no filter of system calls is known for this processor (${process.arch})`;
    return fail('notPermitted', `${what}: do without, with --confine-syscalls none`);
  }
  const file = path.join(workDirectory, 'system-calls.bpf');
  const filter = syscallFilterFor(processor);
  // Without room it could not be replaced, and who makes room has to start.
  if (isContent(file, filter)) return succeed(file);
  const written = replaceFile(file, filter);
  return written.ok ? succeed(file) : written;
}

function isContent(file: string, content: Uint8Array): boolean {
  try {
    return readFileSync(file).equals(content);
  } catch {
    return false;
  }
}

/** Starts nothing of a task's, in the way in which tasks are started; gives what was said when that fails. */
async function tried(
  confinement: Confinement,
  { isolation, workDirectory }: ConfinementRequest,
): Promise<string | undefined> {
  const { owner, syscallFilter } = confinement;
  // It stays: the next start may have no room to make it.
  const sandboxDirectory = path.join(workDirectory, 'confinement-trial');
  await mkdir(sandboxDirectory, { recursive: true, mode: 0o700 });
  if (owner !== undefined) await chown(sandboxDirectory, owner.userId, owner.groupId);
  const own = { sandboxDirectory, temporaryDirectory: sandboxDirectory };
  const opened = [
    `exec ${SYSCALL_FILTER_DESCRIPTOR}< "$0"; exec "$@"`,
    syscallFilter ?? '/dev/null',
  ];
  const words = ['/bin/sh', '-c', ...opened, ...confiningWords(confinement, own)];
  const isWritable = ['/usr/bin/env', '-i', DEFAULT_SIGNALS, 'test', '-w', sandboxDirectory];
  const said = await runCommand([...isolation.enterCommand, ...words, ...isWritable]);
  if (said.code === 0) return undefined;
  return said.stderr === '' ? `it may not write to ${sandboxDirectory}` : said.stderr;
}

function placesOf(request: ConfinementRequest, isRoot: boolean): Outcome<Place[]> {
  const { choice, workDirectory, secretFiles, isolation } = request;
  const shown: string[] = [];
  const hidden: string[] = [];
  for (const [from, to] of [
    [[...choice.show, ...toolsOf(process.execPath)], shown],
    [[...choice.hide, ...secretFiles, ...sessionsOf(request, isRoot)], hidden],
  ] as const) {
    for (const each of from) {
      try {
        to.push(realpathSync(each));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return fail('notPermitted', `--confine-hide and --confine-show: ${why}`);
      }
    }
  }
  // Nobody but root passes a private home directory, say: an empty one stands there, with the way through it.
  const blocked = isRoot ? [workDirectory, ...shown].flatMap(blockedAbove) : [];
  const directories = [workDirectory, ...blocked, ...hidden.filter(isDirectory)];
  const isHiddenAbove = (each: string): boolean =>
    directories.some((directory) => isBelow(each, directory));
  // What covers a file goes when another file is put in its place, as when a credential is renewed: so its directory is
  // covered, unless that is one of the system's.
  directories.push(
    ...hidden
      .filter((each) => !isDirectory(each) && !isHiddenAbove(each))
      .map((each) => path.dirname(each))
      .filter((each) => depthOf(each) > 1),
  );
  const files = hidden.filter((each) => !isDirectory(each) && !isHiddenAbove(each));
  const [open] = isRoot ? [] : files;
  if (open !== undefined) return fail('notPermitted', tooOpen(open));
  return succeed([
    ...shown
      .filter((each) => isHiddenAbove(each) || isTemporary(each))
      .map((each): Place => ({ path: each, is: 'readOnly' })),
    ...directories.map((each): Place => ({ path: each, is: 'hiddenDirectory' })),
    ...files.map((each): Place => ({ path: each, is: 'hiddenFile' })),
    ...messageQueuesOf(isolation.rootPath),
  ]);
}

/** A task has directories of its own there. */
const isTemporary = (place: string): boolean =>
  TEMPORARY.some((directory) => isBelow(place, directory));

const depthOf = (directory: string): number => directory.split('/').filter(Boolean).length;

const tooOpen = (file: string): string =>
  `tasks run as the user of this agent, who may read ${file}, and ${path.dirname(file)} cannot be hidden from them: move the file to a directory of its own`;

/** Where the agent's own Node is, with what came with it: tasks and executors written for it are started by its path. */
function toolsOf(program: string): string[] {
  const directory = path.dirname(program);
  return path.basename(directory) === 'bin' ? [path.dirname(directory)] : [program];
}

/** Where the host's queues show, which are not the task's. */
function messageQueuesOf(rootPath: string): Place[] {
  const directory = '/dev/mqueue';
  const isThere = statSync(path.join(rootPath, directory), { throwIfNoEntry: false }) !== undefined;
  return isThere ? [{ path: directory, is: 'messageQueues' }] : [];
}

/** Of users' own systemds, which would start anything for a task of such a user. */
function sessionsOf({ choice, isolation }: ConfinementRequest, isRoot: boolean): string[] {
  if (isRoot && choice.taskUsers.length === 0) return [];
  const all = '/run/user';
  if (isRoot) {
    // A user may come later, and what is not there cannot be hidden.
    for (const root of ['/', isolation.rootPath]) {
      mkdirSync(path.join(root, all), { recursive: true, mode: 0o755 });
    }
    return [all];
  }
  const own = `${all}/${process.getuid?.()}`;
  return statSync(own, { throwIfNoEntry: false }) === undefined ? [] : [own];
}

/** The topmost directory on the way that other users may not pass. */
function blockedAbove(place: string): string[] {
  const parts = place.split('/').slice(1, -1);
  const above = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
  const blocked = above.find((each) => (statSync(each).mode & 0o001) === 0);
  return blocked === undefined ? [] : [blocked];
}

function isDirectory(place: string): boolean {
  return statSync(place).isDirectory();
}

function refused(message: string): Outcome<TaskConfinement> {
  return fail('notPermitted', `${message}; ${REMEDY}`);
}
