// Owns how a task is confined within its scope: the programs that stand before `env` and its command, and what they make
// of the host's files. It decides nothing about users and places: the agent says them. Limits are the scope's.
//
// bwrap(1) makes the namespaces and the first process in them, which reaps; it sets no_new_privs. setpriv(1) then gives up
// root: it can only be after what takes root to make.
import {
  type ImageRoot,
  mountingWords,
  programWords,
  rootWords,
  toolsWords,
} from './image-root.ts';
import type { Owner } from './sandbox.ts';

export type Place = {
  /** Absolute, and without links in it. */
  readonly path: string;
  /**
   * Hidden: an empty directory, or a file that nobody may open, stands in its place. `messageQueues`: the task's own ones of
   * POSIX, by their names (mq_overview(7)).
   */
  readonly is: 'hiddenDirectory' | 'hiddenFile' | 'readOnly' | 'writable' | 'messageQueues';
  /** What stands there, where it is not what the host has there. */
  readonly from?: string;
};

export type GivenDevice = {
  /** Of the host, and as the task sees it. */
  readonly path: string;
  /** What stands there for the task, where that is another node. */
  readonly node?: string;
};

export type Confinement = {
  /** Who the task runs as; undefined where the agent is not root: its own user, in a user namespace. */
  readonly owner: Owner | undefined;
  /** Whatever is not named is the host's, read-only. What lies in another place comes after it. */
  readonly places: readonly Place[];
  /** Mounts of the host are shared with namespaces made of it: what is mounted later would appear, and writable. */
  readonly hostSharesMounts?: boolean;
  /** File with the program of a seccomp filter (syscall-filter.ts), which only the agent can write; none when left out. */
  readonly syscallFilter?: string | undefined;
  /** That it may open beside those that every program needs; none when left out. */
  readonly devices?: readonly GivenDevice[];
  /** It does not see the host's files: what is not named is its image's. Only with an owner. */
  readonly image?: ImageRoot;
};

/** Where bwrap reads the filter; whoever starts it opens the file there. */
export const SYSCALL_FILTER_DESCRIPTOR = 6;

/** Two directories of the task's own. */
export type OwnDirectories = {
  /** Writable, and the working directory. */
  readonly sandboxDirectory: string;
  /** Stands where everybody may write on a host. */
  readonly temporaryDirectory: string;
  /** It has a loopback of its own and nothing else. */
  readonly hasNoNetwork?: boolean;
  /** It ends when its shim does, which is all that ends one without a scope. */
  readonly endsWithShim?: boolean;
  /** Of one that has an image: see `imageDirectoryOf`. */
  readonly imageDirectory?: string;
};

/** What a signal to the whole scope can be. It is the task's: blocked, it waits for it, and ends nothing before. */
const STOP_SIGNALS = 'HUP,INT,QUIT,TERM,USR1,USR2';
/** Of the `env` just before the task; it unblocks them too. */
export const DEFAULT_SIGNALS = `--default-signal=${STOP_SIGNALS}`;

/** Everybody may write there on a host, so each task has its own; on the disk, as it is used for what memory is short for. */
export const TEMPORARY: readonly string[] = ['/tmp', '/var/tmp'];
export const FILTER_WORDS = ['--seccomp', String(SYSCALL_FILTER_DESCRIPTOR)];
const EMPTY_FOR_ALL = ['--perms', '1777', '--tmpfs'];

/** bwrap only keeps its mounts from the host, not the host's from it. */
const PRIVATE_MOUNTS = ['unshare', '--mount', '--propagation', 'private', '--'];

/** What stands before `env` on the command line. */
export function confiningWords(confinement: Confinement, own: OwnDirectories): string[] {
  const { sandboxDirectory, temporaryDirectory, imageDirectory = '' } = own;
  const { image } = confinement;
  const sandbox: Place = { path: sandboxDirectory, is: 'writable' };
  const places = inOrder([...confinement.places, sandbox]);
  // Nothing of the host is to be made in the task's own directory, as bwrap does with what is mounted below one.
  const inMemory = TEMPORARY.filter((each) => places.some(({ path }) => isBelow(path, each)));
  const onDisk = TEMPORARY.filter((each) => !inMemory.includes(each));
  const hidden = places.filter((place) => place.is === 'hiddenDirectory').map(({ path }) => path);
  const ways = waysTo(places, [...inMemory, ...hidden]);
  return [
    ...(image === undefined ? [] : mountingWords(imageDirectory)),
    ...['/usr/bin/env', `--block-signal=${STOP_SIGNALS}`],
    ...(confinement.hostSharesMounts === true ? PRIVATE_MOUNTS : []),
    // In a session of its own: it has no terminal to take, and no other's process group.
    // The host's name stays the same in a namespace of the task's own.
    ...['bwrap', '--new-session', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    ...(own.hasNoNetwork === true ? ['--unshare-net'] : []),
    ...(own.endsWithShim === true ? ['--die-with-parent'] : []),
    ...(confinement.syscallFilter === undefined ? [] : FILTER_WORDS),
    ...rootWords(image, imageDirectory),
    ...['--dev-bind', '/dev', '/dev', '--proc', '/proc'],
    ...(confinement.devices ?? []).flatMap(deviceWords),
    ...toolsWords(image),
    ...['/dev/shm', ...inMemory].flatMap((each) => [...EMPTY_FOR_ALL, each]),
    ...onDisk.flatMap((each) => ['--bind', temporaryDirectory, each]),
    ...places.flatMap((place) => [...(ways.get(place.path) ?? []), ...wordsOf(place)]),
    ...['--chdir', sandboxDirectory, '--'],
    ...privilegeWords(confinement),
  ];
}

function deviceWords({ path, node }: GivenDevice): string[] {
  return node === undefined ? [] : ['--dev-bind', node, path];
}

/** Gives up all that root may. Without an owner there was nothing to give up: bwrap has left no capability. */
export function privilegeWords({ owner, image }: Confinement): string[] {
  if (owner === undefined) return [];
  const { userId, groupId } = owner;
  const rest = ['--clear-groups', '--inh-caps=-all', '--no-new-privs'];
  if (image === undefined) {
    const user = [`--reuid=${userId}`, `--regid=${groupId}`, '--bounding-set=-all'];
    return ['setpriv', ...user, ...rest, '--'];
  }
  // setpriv looks numbers up as names, in files and by libraries that would be the image's; unshare does not.
  const twoLeft = ['--bounding-set=-all,+setuid,+setgid', ...rest, '--'];
  const user = [`--setgid=${groupId}`, `--setuid=${userId}`, '--'];
  return [
    ...programWords('setpriv', image),
    ...twoLeft,
    ...programWords('unshare', image),
    ...user,
  ];
}

/**
 * The arguments of the programs that stay beside a task can be read by every user of the host, so its variables are not
 * among them: they are in the programs' own environment, under names that mean nothing to them, from where `env -S`
 * takes them.
 */
export function hiddenVariables(assignments: readonly string[]): {
  readonly environment: Readonly<Record<string, string>>;
  readonly words: readonly string[];
} {
  const environment = Object.fromEntries(
    assignments.map((assignment, index) => [`PARLEY_VARIABLE_${index}`, assignment]),
  );
  const references = Object.keys(environment).map((name) => `\${${name}}`);
  return { environment, words: ['-S', references.join(' ')] };
}

export function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** A directory before what is in it; of two with one path the later one counts. */
function inOrder(places: readonly Place[]): Place[] {
  const byPath = new Map(places.map((place) => [place.path, place]));
  return [...byPath.values()].sort((a, b) => depthOf(a.path) - depthOf(b.path));
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function wordsOf({ path, is, from = path }: Place): string[] {
  switch (is) {
    case 'hiddenDirectory':
      return ['--perms', '0711', '--tmpfs', path];
    case 'hiddenFile':
      return ['--ro-bind', '/dev/null', path];
    case 'messageQueues':
      return ['--mqueue', path];
    case 'readOnly':
      return ['--ro-bind', from, path];
    case 'writable':
      return ['--bind', from, path];
  }
}

/**
 * The directories between an empty one and a place in it, once each. Where bwrap makes them itself they have the rights of
 * the place: of a private one, nobody passes.
 */
function waysTo(places: readonly Place[], empty: readonly string[]): Map<string, string[]> {
  const made = new Set<string>(empty);
  return new Map(
    places.map(({ path }) => {
      const parts = path.split('/').slice(1, -1);
      const above = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
      const missing = above.filter(
        (each) => !made.has(each) && empty.some((directory) => isBelow(each, directory)),
      );
      for (const each of missing) made.add(each);
      return [path, missing.flatMap((each) => ['--perms', '0711', '--dir', each])];
    }),
  );
}
