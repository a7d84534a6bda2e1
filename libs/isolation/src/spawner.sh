#!/bin/sh
# Forks a shim a task from one small process, since a fork of the agent costs as much as the agent is large.
# It keeps nothing and ends with its standard input, the tasks do not. What a shim does is in run-task.sh.
#
#   sh spawner.sh DIRECTORY_OF_THESE_SCRIPTS
#
# A line of input is `CHANNEL RUN_DIRECTORY`, the channel one of the open file descriptors 4 to 9, and leads to
# one conversation there: the shim says `pid N`; it is told `go UNIT` once it is in its scope; it says `started`
# or `alreadyStarted`. Anything else in place of `go UNIT`, the agent's end included, makes it say `abandoned`
# and end, before it touched anything.

. "$1/check-start.sh"
. "$1/pending-signals.sh"
. "$1/scope-events.sh"
. "$1/run-task.sh"

spawn() {
  exec < /dev/null 3<&"$1" 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
  trap 'echo abandoned >&3' EXIT
  read_self
  echo "pid $self" >&3
  read -r word <&3
  [ "$word" = "go ${2##*/}" ] || exit 125
  exec >> "$2/stdout" 2>> "$2/stderr"
  run_task scope "$2" / launch
}

# Forked twice: the shim's parent is then the init process of the namespace, which reaps it.
while read -r channel run; do
  (spawn "$channel" "$run" &)
done
