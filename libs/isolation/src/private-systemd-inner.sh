#!/bin/sh
# Runs as the first process of the new namespaces: records its host pid, gives the namespaces their own
# cgroup, /run and /proc mounts, then becomes systemd. What it mounts vanishes with the mount namespace.
# Arguments: the pid file, the log file, `unified`, `hybrid` or `legacy`, then the option strings of the v1
# hierarchies to mount (`memory`, `cpu,cpuacct`, `name=systemd` ...).
set -eu
pid_file=$1 log_file=$2 layout=$3
shift 3

# /proc is still the host's here, so this line holds the pid that the host sees, and its start time.
read -r stat_line < /proc/self/stat
echo "$stat_line" > "$pid_file.new"
mv "$pid_file.new" "$pid_file"

mount --make-rprivate /
umount -l /sys/fs/cgroup
if [ "$layout" = unified ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755,size=1m tmpfs /sys/fs/cgroup
  for hierarchy in "$@"; do
    directory=/sys/fs/cgroup/${hierarchy#name=}
    mkdir "$directory"
    case $hierarchy in
      name=*) mount -t cgroup -o "none,$hierarchy" cgroup "$directory" ;;
      *) mount -t cgroup -o "$hierarchy" cgroup "$directory" ;;
    esac
    # Controllers that share a hierarchy are also found by their single names, as systemd arranges it.
    case $hierarchy in
      name=*) ;;
      *,*)
        for controller in $(echo "$hierarchy" | tr , ' '); do
          ln -s "$hierarchy" "/sys/fs/cgroup/$controller"
        done
        ;;
    esac
  done
  if [ "$layout" = hybrid ]; then
    mkdir /sys/fs/cgroup/unified
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
  fi
fi

# A resolver configuration that lives below /run must survive the tmpfs that hides /run.
resolver=$(readlink -f /etc/resolv.conf || true)
resolver_text=
case $resolver in /run/*) resolver_text=$(cat "$resolver") ;; esac
mount -t tmpfs -o mode=755,size=64m tmpfs /run
# systemd mounts credentials of services below it in a namespace of a moment, which this makes seen in all.
mount --make-shared /run
if [ -n "$resolver_text" ]; then
  mkdir -p "${resolver%/*}"
  echo "$resolver_text" > "$resolver"
fi
units=/run/parley-systemd-units
mkdir -p /run/systemd/system "$units"
printf '[Unit]\nDescription=Parley private systemd\nDefaultDependencies=no\n' > "$units/parley.target"

# systemd as PID 1 opens and resets the console: it must be nobody's terminal.
mount --bind "$log_file" /dev/console
mount -t proc proc /proc
# systemd raises fs.file-max and fs.nr_open, which belong to the whole host.
mount --bind /proc/sys/fs /proc/sys/fs
mount -o remount,bind,ro /proc/sys/fs

systemd=/lib/systemd/systemd
[ -x "$systemd" ] || systemd=/usr/lib/systemd/systemd
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  container=parley SYSTEMD_UNIT_PATH="$units" \
  "$systemd" --system --unit=parley.target --log-target=console --show-status=no
