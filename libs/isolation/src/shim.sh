#!/bin/sh
# The process that a launcher starts for one task, by systemd-run or as it is. What it does is in run-task.sh.
#
#   sh shim.sh scope|process RUN_DIRECTORY SANDBOX_DIRECTORY -- ARGV...

. "${0%/*}/check-start.sh"
. "${0%/*}/pending-signals.sh"
. "${0%/*}/scope-events.sh"
. "${0%/*}/run-task.sh"
mode=$1 run=$2 sandbox=$3
shift 4
read_self
run_task "$mode" "$run" "$sandbox" environment "$@"
