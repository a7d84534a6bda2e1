#!/bin/sh
# Puts itself into the scope of a running task, in every hierarchy that the task is in, and becomes the command. It
# starts nothing when it cannot get in: what runs for a task counts as the task's.
# Arguments: the unit, `scope`, or `process` where tasks have none, the pid of the task's shim as seen here, the sandbox, how the task
# is confined (`plain`: not at all; `root` or `user`: by which of them), the file of its filter of system calls (`-`: none),
# `--`, then the command with `env -i` and the variables before it. File descriptor 3 is told `entered`.
set -u
unit=$1 mode=$2 shim=$3 sandbox=$4 confined=$5 filter=$6
shift 7

root=/sys/fs/cgroup
is_in=
[ "$mode" = process ] && is_in=1
[ "$mode" = process ] || while IFS=: read -r number controllers path; do
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
# Of a task with CPUs of its own, on v1 (cpuset-group.ts).
pinned=$root/cpuset/parley-pinned/$unit/cgroup.procs
# Of one without, while others have some.
[ -f "$pinned" ] || pinned=$root/cpuset/parley-others/cgroup.procs
[ ! -f "$pinned" ] || echo 0 > "$pinned" || exit 125

if [ "$confined" = plain ]; then
  cd "$sandbox" || exit 125
else
  # The first process of the task's namespaces: the only child of the one that the shim waits for. Once it has a child
  # itself, they are made. The files end without a line break, so `read` fails after it has read.
  outer= first= task= looks=0
  while [ -z "$task" ] && [ "$looks" -lt 200 ]; do
    [ "$looks" -eq 0 ] || sleep 0.02
    looks=$((looks + 1))
    read -r outer rest < "/proc/$shim/task/$shim/children"
    read -r first rest < "/proc/$outer/task/$outer/children"
    read -r task rest < "/proc/$first/task/$first/children"
  done 2> /dev/null
  [ -n "$task" ] || exit 125
  # Where the command that gives it expects it (enter-scope.ts).
  [ "$filter" = - ] || exec 6< "$filter"
  user=
  [ "$confined" = user ] && user='--user --preserve-credentials'
  # The task may share these with its host: nobody enters where they are.
  others=
  for kind in ipc uts net; do
    [ "/proc/$first/ns/$kind" -ef "/proc/self/ns/$kind" ] || others="$others --$kind"
  done
  set -- nsenter "--target=$first" $user --mount --pid $others -- "$@"
fi
echo entered >&3
exec 3>&-
exec "$@"
