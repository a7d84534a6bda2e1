#!/bin/sh
# Runs outside the namespaces: moves itself (never its caller) into the cgroups prepared for a private
# systemd, then becomes the `unshare` that holds it. It creates no cgroup and mounts nothing itself.
# Arguments: the cgroup directories, `--`, then the inner script and its arguments.
set -eu
while [ "$1" != -- ]; do
  echo "$$" > "$1/cgroup.procs"
  shift
done
shift
exec unshare --mount --pid --cgroup --uts --ipc --fork -- /bin/sh "$@"
