# Owns reading what the kernel counted in a task's scope: the limits that it met, and what it used at most. Sourced by
# run-task.sh, which found the groups. It forks nothing. What the numbers mean for a task is in scope-events.ts.
# Sources: kernel docs, "Control Group v2" (memory.events, pids.events), and for v1 "Memory Resource Controller".

# Before the scope is emptied, which overwrites the limit. Sets pids_limit.
read_pids_limit() {
  pids_limit=
  [ -f "$pids_group/pids.max" ] && read -r pids_limit < "$pids_group/pids.max"
}

# Sets oom_kills, memory_hits, peak, limit, pids_hits, pids_peak and cpu_ns as far as the kernel counts them.
read_counters() {
  oom_kills=0 memory_hits=0 peak= limit= pids_hits=0 pids_peak= cpu_ns=
  if [ "$memory_version" = 1 ]; then
    events=$memory_group/memory.oom_control
    read -r peak < "$memory_group/memory.max_usage_in_bytes"
    read -r limit < "$memory_group/memory.limit_in_bytes"
    read -r memory_hits < "$memory_group/memory.failcnt"
  else
    events=$memory_group/memory.events
    [ -f "$memory_group/memory.peak" ] && read -r peak < "$memory_group/memory.peak"
    read -r limit < "$memory_group/memory.max"
  fi
  while read -r name value; do
    case $name in
      oom_kill) oom_kills=$value ;;
      oom) memory_hits=$value ;;
    esac
  done < "$events"
  if [ -f "$pids_group/pids.events" ]; then
    read -r name pids_hits < "$pids_group/pids.events"
    [ -f "$pids_group/pids.peak" ] && read -r pids_peak < "$pids_group/pids.peak"
  fi
  if [ -f "$cpu_group/cpuacct.usage" ]; then
    read -r cpu_ns < "$cpu_group/cpuacct.usage"
  else
    while read -r name value; do
      [ "$name" = usage_usec ] && cpu_ns=${value}000
    done < "$cpu_group/cpu.stat"
  fi
}
