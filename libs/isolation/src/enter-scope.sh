#!/bin/sh
# Puts itself into the scope of a running task, in every hierarchy that the task is in, and becomes the command. It
# starts nothing when it cannot get in: what runs for a task counts as the task's.
# Arguments: the unit, the pid of the task's shim as seen here (`-` where tasks have no scope), the sandbox, `--`,
# then the command with `env -i` and the variables before it. File descriptor 3 is told `entered`.
set -u
unit=$1 shim=$2 sandbox=$3
shift 4

root=/sys/fs/cgroup
is_in=
[ "$shim" = - ] && is_in=1
[ "$shim" = - ] || while IFS=: read -r number controllers path; do
  case $path in */"$unit.scope") ;; *) continue ;; esac
  group=
  case $controllers in
    '')
      group=$root$path
      [ -f "$root/unified/cgroup.procs" ] && group=$root/unified$path
      ;;
    name=*) group=$root/${controllers#name=}$path ;;
    # Controllers that share a hierarchy are found by their single names too.
    *) group=$root/${controllers%%,*}$path ;;
  esac
  [ -f "$group/cgroup.procs" ] || continue
  echo 0 > "$group/cgroup.procs" || exit 125
  is_in=1
done < "/proc/$shim/cgroup"
[ -n "$is_in" ] || exit 125

cd "$sandbox" || exit 125
echo entered >&3
exec 3>&-
exec "$@"
