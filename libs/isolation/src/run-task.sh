# Owns what stands between a scope and its task: it makes sure that the task starts at most once, and records
# how it ended where an agent that was not its parent can read it. Sourced by shim.sh and spawner.sh. It decides
# nothing about the task, holds no limit itself, and forks nothing but the task.
#
#   read_self
#   run_task scope|process RUN_DIRECTORY SANDBOX_DIRECTORY FRAGMENT [ARGV...]
#
# RUN_DIRECTORY/started is created first, and by one shim only, ever. `process` and `exit` are overwritten
# in place (the launcher has reserved their blocks, so a full disk does not lose the status) and are complete
# when their last line is `end`. FRAGMENT, in the same directory, puts the task's environment before
# ARGV; it may set ARGV and the sandbox as well, and sets `whole` at its end. One that confines the task begins with the line `# confined`. Where the program is looked for by this process, it sets `program`
# and `search`; where it is not, a part of ARGV does so, and says what it finds on file descriptor 5 (see `refuse`).
# At last .ended/UNIT beside the run directory tells the agent to look.
# File descriptor 3, where it is open, is told `started` or `alreadyStarted`. The function ends the process; it does
# so before anything else in a scope that is not its unit's.

# Sets self, which is not `$$`: a subshell has that from its parent. Also stat_line.
read_self() {
  read -r stat_line < /proc/self/stat
  self=${stat_line%% *}
}

run_task() {
  mode=$1 run=$2 sandbox=$3 fragment=$4
  shift 4
  unit=${run##*/}

  # A signal sent to the whole scope is for the task; a caught signal is back at its default in the task.
  trap : ALRM PIPE
  outer= caught=
  for signal in HUP INT QUIT TERM USR1 USR2; do
    trap "on_signal $signal" "$signal"
  done
  # Only the task writes to the task's stderr (the shell itself would announce `Killed` there).
  exec 4>&2 2> /dev/null

  find_groups
  # Outside its scope it would run without limits, and kill what is not its own at the end.
  if [ "$mode" = scope ]; then
    case $memory_group in */"$unit.scope") ;; *) exit 125 ;; esac
  fi

  set -C
  if ! command : > "$run/started"; then
    [ -e "$run/started" ] && echo alreadyStarted >&3
    trap - EXIT
    exit 125
  fi
  set +C

  echo "pid=$self
stat=${stat_line##*) }
memoryGroup=$memory_group
cpuGroup=$cpu_group
end" 1<> "$run/process"
  echo started >&3
  trap - EXIT
  exec 3>&-

  # v1 knows no limit for swap alone.
  [ "$memory_version" = 1 ] && echo 0 > "$memory_group/memory.swappiness"

  # Under the scope's memory limit the kernel picks the task, never the shim (only root may say so).
  oom_score=0
  read -r oom_score < /proc/self/oom_score_adj
  echo -999 > /proc/self/oom_score_adj

  # A fork that fails ends this process.
  fault=memoryForStart status=126
  trap end_run EXIT
  first= && read -r first < "$run/$fragment"
  is_confined=
  if [ "$first" = '# confined' ]; then
    is_confined=1
    (become_task "$@") &
    wait_for_task "$!"
  else
    (become_task "$@")
    status=$?
  fi
  trap - EXIT
  fault=
  [ "$status" = 0 ] || read_fault
  end_run
}

# Ends as the command, with what the fragment puts before it.
become_task() {
  exec 2>&4 4>&- 5<> "$run/exit"
  echo "$oom_score" 2> /dev/null > /proc/self/oom_score_adj
  program= search= whole=
  . "$run/$fragment"
  # A part of it would be another task: without its user, or nothing at all.
  [ -n "$whole" ] && [ $# -gt 0 ] || refuse notConfined "$run/$fragment"
  cd "$sandbox" || refuse sandboxUnavailable "$sandbox"
  if [ -n "$program" ]; then
    check_start "$program" "$search"
    [ -n "$fault" ] && refuse "$fault" "$program"
    say_program >&5
    exec 5>&-
  fi
  exec "$@"
}

# Sets status. Until the task is there, signals are blocked (`env --block-signal`): they wait for whoever got them, and not
# for what that forks. Two forks lead to the task: by $outer, which becomes bwrap, and by the first process of the namespace.
# What came before the second the task's start takes up (take_pending), what came before the first pass_on sends again.
wait_for_task() {
  outer=$1
  [ -z "$caught" ] || pass_on "$caught"
  caught=again
  # A caught signal ends a wait.
  while [ -n "$caught" ]; do
    caught=
    wait "$outer"
    status=$?
  done
}

on_signal() {
  caught=$1
  [ -z "$outer" ] || pass_on "$1"
}

# Whoever signals the scope may be about to signal its other processes: a first process that has not got it yet is looked at
# more than once. Once the task is there nothing is forked here: its limit of processes may be reached.
pass_on() {
  [ "$mode" = process ] && { pass_to_session "$1"; return; }
  looks=0 looks_at_first=0
  while [ "$looks" -lt 1000 ] && [ -e "/proc/$outer" ]; do
    looks=$((looks + 1))
    find_child "$outer" bwrap
    if [ -z "$child" ]; then
      [ "$looks" -gt 20 ] && sleep 0.01
    elif is_pending "$1"; then
      return
    elif [ "$looks_at_first" -lt 20 ]; then
      looks_at_first=$((looks_at_first + 1))
    else
      kill -s "$1" "$child"
      find_child "$child"
      [ -z "$child" ] || kill -s "$1" "$child"
      return
    fi
  done
}

# Without a scope nobody but the shim signals a confined task, which is in a session of its own: that of the first process of
# its namespaces, which blocks what it does not end by. Before it has a child nobody is there to be told.
pass_to_session() {
  looks=0
  while [ "$looks" -lt 200 ]; do
    looks=$((looks + 1))
    # The files end without a line break, so `read` fails after it has read.
    first= task=
    read -r first rest < "/proc/$outer/task/$outer/children"
    [ -n "$first" ] && read -r task rest < "/proc/$first/task/$first/children"
    [ -n "$task" ] && kill -s "$1" -- "-$first" && return
    [ "$looks" -gt 20 ] && sleep 0.01
  done
}

# find_child PARENT [NAME]: sets child, to a process of the scope, and pending; both are empty when there is none.
find_child() {
  while read -r child; do
    read_pending "$child" "$1" "$2"
    [ -z "$pending" ] || return
  done < "$memory_group/cgroup.procs"
  child= pending=
}

# The statuses may be the task's own. Nothing but the shim and what it started before the task can write to this file.
# A confined task that did not come so far as to be looked for, and was not killed meanwhile, was not confined.
read_fault() {
  first= && read -r first < "$run/exit"
  case $first in
    couldNotStart=*) fault=${first#couldNotStart=} ;;
    program=*) [ "$status" = 127 ] && look_again "${first#program=}" ;;
    *) [ -n "$is_confined" ] && [ "$status" -lt 128 ] && fault=notConfined ;;
  esac
}

# Whether the script's interpreter was missing. In a confined task's files only the task's user looks.
look_again() {
  if [ -z "$is_confined" ]; then
    check_interpreter "$1"
    return
  fi
  (export "PARLEY_LOOK_AGAIN=$1"; become_task true)
  first= && read -r first < "$run/exit"
  case $first in couldNotStart=*) fault=${first#couldNotStart=} ;; esac
}

# Records the end, ends what is left, and itself.
end_run() {
  trap - EXIT
  oom_kills=0 memory_hits=0 peak= limit= pids_hits=0 pids_peak= pids_limit= cpu_ns=
  if [ "$mode" = scope ]; then
    read_pids_limit
    kill_strays
    read_counters
  fi
  echo "status=$status
couldNotStart=$fault
oomKills=$oom_kills
memoryHits=$memory_hits
peakBytes=$peak
limitBytes=$limit
pidsHits=$pids_hits
pidsPeak=$pids_peak
pidsLimit=$pids_limit
cpuNs=$cpu_ns
end" 1<> "$run/exit"
  command : > "${run%/*}/.ended/$unit"

  # Without a cgroup the process group is the best bound of what the task left behind; the shim is in it.
  [ "$mode" = process ] && kill -9 0
  exit 0
}

# Sets memory_version, memory_group, cpu_group and pids_group; without a scope there are none.
find_groups() {
  cgroup_root=/sys/fs/cgroup
  memory_version=2 memory_group= unified_group= cpu_group= pids_group=
  [ "$mode" = scope ] || return 0
  unified_root=$cgroup_root
  [ -f "$cgroup_root/unified/cgroup.procs" ] && unified_root=$cgroup_root/unified
  while IFS=: read -r number controllers path; do
    case ",$controllers," in
      *,memory,*) memory_version=1 memory_group=$cgroup_root/memory$path ;;
      *,cpuacct,*) cpu_group=$cgroup_root/cpuacct$path ;;
      *,pids,*) pids_group=$cgroup_root/pids$path ;;
      ,,) unified_group=$unified_root$path ;;
    esac
  done < /proc/self/cgroup
  [ -n "$memory_group" ] || memory_group=$unified_group
  [ -n "$pids_group" ] || pids_group=$unified_group
  # A hybrid host has its scopes in the unified hierarchy too, whose cpu.stat needs no controller.
  [ -f "$unified_group/cpu.stat" ] && cpu_group=$unified_group
}

# What the task left behind ends with it: nothing of it can fork any more, so it cannot run ahead of the kills. Dying
# processes may show for a moment, hence the bound.
kill_strays() {
  echo 0 > "$pids_group/pids.max"
  passes=0 strays=1
  while [ "$strays" = 1 ] && [ "$passes" -lt 200 ]; do
    strays=0 passes=$((passes + 1))
    while read -r pid; do
      [ "$pid" = "$self" ] || { strays=1; kill -9 "$pid"; }
    done < "$memory_group/cgroup.procs"
  done
}
