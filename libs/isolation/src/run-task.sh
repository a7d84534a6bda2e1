# Owns what stands between a scope and its task: it makes sure that the task starts at most once, and records
# how it ended where an agent that was not its parent can read it. Sourced by shim.sh and spawner.sh. It decides
# nothing about the task, holds no limit itself, and forks nothing but the task.
#
#   run_task scope|process RUN_DIRECTORY SANDBOX_DIRECTORY FRAGMENT [ARGV...]
#
# RUN_DIRECTORY/started is created first, and by one shim only, ever. `process` and `exit` are overwritten
# in place (the launcher has reserved their blocks, so a full disk does not lose the status) and are complete
# when their last line is `end`. FRAGMENT, in the same directory, puts the task's environment before
# ARGV; it may set ARGV and the sandbox as well.
# At last .ended/UNIT beside the run directory tells the agent to look.
# File descriptor 3, where it is open, is told `started` or `alreadyStarted`. The function ends the process; it does
# so before anything else in a scope that is not its unit's.

run_task() {
  mode=$1 run=$2 sandbox=$3 fragment=$4
  shift 4
  unit=${run##*/}

  # A signal sent to the whole scope is for the task; a caught signal is back at its default in the task.
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  # Only the task writes to the task's stderr (the shell itself would announce `Killed` there).
  exec 4>&2 2> /dev/null

  # Not `$$`, which a subshell has from its parent.
  read -r stat_line < /proc/self/stat
  self=${stat_line%% *}
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

  # Under the scope's memory limit the kernel picks the task, never the shim (only root may say so).
  oom_score=0
  read -r oom_score < /proc/self/oom_score_adj
  echo -999 > /proc/self/oom_score_adj

  (
    exec 2>&4 4>&-
    echo "$oom_score" 2> /dev/null > /proc/self/oom_score_adj
    . "$run/$fragment"
    cd "$sandbox" || exit 126
    exec "$@"
  )
  status=$?

  oom_kills=0 peak= limit= cpu_ns=
  if [ "$mode" = scope ]; then
    kill_strays
    read_counters
  fi
  echo "status=$status
oomKills=$oom_kills
peakBytes=$peak
limitBytes=$limit
cpuNs=$cpu_ns
end" 1<> "$run/exit"
  command : > "${run%/*}/.ended/$unit"

  # Without a cgroup the process group is the best bound of what the task left behind; the shim is in it.
  [ "$mode" = process ] && kill -9 0
  exit 0
}

# Sets memory_version, memory_group and cpu_group; without a scope there are none.
find_groups() {
  cgroup_root=/sys/fs/cgroup
  memory_version=2 memory_group= unified_group= cpu_group=
  [ "$mode" = scope ] || return 0
  unified_root=$cgroup_root
  [ -f "$cgroup_root/unified/cgroup.procs" ] && unified_root=$cgroup_root/unified
  while IFS=: read -r number controllers path; do
    case ",$controllers," in
      *,memory,*) memory_version=1 memory_group=$cgroup_root/memory$path ;;
      *,cpuacct,*) cpu_group=$cgroup_root/cpuacct$path ;;
      ,,) unified_group=$unified_root$path ;;
    esac
  done < /proc/self/cgroup
  [ -n "$memory_group" ] || memory_group=$unified_group
  # A hybrid host has its scopes in the unified hierarchy too, whose cpu.stat needs no controller.
  [ -f "$unified_group/cpu.stat" ] && cpu_group=$unified_group
}

# What the task left behind ends with it. Dying processes may show for a moment, hence the bound.
kill_strays() {
  passes=0 strays=1
  while [ "$strays" = 1 ] && [ "$passes" -lt 200 ]; do
    strays=0 passes=$((passes + 1))
    while read -r pid; do
      [ "$pid" = "$self" ] || { strays=1; kill -9 "$pid"; }
    done < "$memory_group/cgroup.procs"
  done
}

# Sets oom_kills, peak, limit and cpu_ns as far as the kernel counts them.
read_counters() {
  if [ "$memory_version" = 1 ]; then
    events=$memory_group/memory.oom_control
    read -r peak < "$memory_group/memory.max_usage_in_bytes"
    read -r limit < "$memory_group/memory.limit_in_bytes"
  else
    events=$memory_group/memory.events
    [ -f "$memory_group/memory.peak" ] && read -r peak < "$memory_group/memory.peak"
    read -r limit < "$memory_group/memory.max"
  fi
  while read -r name value; do
    [ "$name" = oom_kill ] && oom_kills=$value
  done < "$events"
  if [ -f "$cpu_group/cpuacct.usage" ]; then
    read -r cpu_ns < "$cpu_group/cpuacct.usage"
  else
    while read -r name value; do
      [ "$name" = usage_usec ] && cpu_ns=${value}000
    done < "$cpu_group/cpu.stat"
  fi
}
