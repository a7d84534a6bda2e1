// Owns how a test that runs as root starts a program as a user that is not, with no group, capability or file of root's. It
// tests nothing itself.
import { chownSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PrivateSystemd } from '@parley/isolation/private-systemd';
import { userManagerEnvironment } from '@parley/isolation/user-manager';

const CLONE = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const isRoot = process.getuid?.() === 0;

/** `nobody`: a user without a name gets no systemd. */
export const ROOTLESS_USER = isRoot ? 65_534 : (process.getuid?.() ?? -1);

// Who is not root may not pass a private home directory that the clone is in: for the program, nothing else is there.
const SHOW_CLONE = `set -e
top=$1 clone=$2 stand=$(mktemp -d)
shift 2
mount --bind "$clone" "$stand"
mount -t tmpfs -o mode=755,size=1m tmpfs "$top"
mkdir -p "$clone"
mount --bind "$stand" "$clone"
umount "$stand"
rmdir "$stand"
exec "$@"`;

/** Words of a command that ends by becoming a program as that user; none when the test is not root itself. */
export function asRootless(): readonly string[] {
  if (!isRoot) return [];
  const user = [`--reuid=${ROOTLESS_USER}`, `--regid=${ROOTLESS_USER}`, '--clear-groups'];
  const words = ['setpriv', ...user, '--inh-caps=-all', '--'];
  const top = blockedAbove(CLONE);
  if (top === undefined) return words;
  const shown = ['/bin/sh', '-c', SHOW_CLONE, 'sh', top, CLONE];
  return ['unshare', '--mount', '--propagation', 'private', '--', ...shown, ...words];
}

/** Makes these the user's own. */
export function giveToRootless(...files: readonly string[]): void {
  if (!isRoot) return;
  for (const file of files) chownSync(file, ROOTLESS_USER, ROOTLESS_USER);
}

const UNIT = `user@${ROOTLESS_USER}.service`;
const MANAGER_GROUP = `user.slice/user-${ROOTLESS_USER}.slice/${UNIT}`;
const RUNTIME_DIRECTORY = `/run/user/${ROOTLESS_USER}`;

// As logind arranges it, but without logind. The agent begins in a group of the manager's, from which a user may move.
const BEGIN_MANAGER = `set -e
directory=$1 user=$2 unit=$3 group=$4
shift 4
mkdir -p "$directory"
chown "$user:$user" "$directory"
chmod 700 "$directory"
systemd=/lib/systemd/systemd
[ -x "$systemd" ] || systemd=/usr/lib/systemd/systemd
systemd-run --quiet --uid="$user" --gid="$user" --slice="user-$user.slice" --unit="$unit" \\
  -p DefaultDependencies=no -p Delegate=yes -p Type=notify -E "XDG_RUNTIME_DIR=$directory" \\
  "$systemd" --user --unit=basic.target
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -d "$hierarchy/$group" ] || continue
  mkdir "$hierarchy/$group/agent"
  echo 0 > "$hierarchy/$group/agent/cgroup.procs"
  chown "$user:$user" "$hierarchy/$group/agent" "$hierarchy/$group/agent/cgroup.procs"
done
exec "$@"`;

/** The same in a private systemd, which gets a manager of the user's before. */
export function withManagerOfUser({ enterCommand }: PrivateSystemd): readonly string[] {
  const environment = Object.entries(userManagerEnvironment(ROOTLESS_USER)).map(
    ([name, value]) => `${name}=${value}`,
  );
  const what = [RUNTIME_DIRECTORY, String(ROOTLESS_USER), UNIT, MANAGER_GROUP];
  const begin = ['/bin/sh', '-c', BEGIN_MANAGER, 'sh', ...what];
  return [...enterCommand, ...begin, '/usr/bin/env', ...environment, ...asRootless()];
}

function blockedAbove(place: string): string | undefined {
  const parts = place.split('/').slice(1);
  const above = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
  return above.find((each) => (statSync(each).mode & 0o001) === 0);
}
