# Owns telling which signals wait for a process that blocks them (proc(5), ShdPnd of /proc/PID/status). Forks nothing. Sourced
# by run-task.sh; also run where the task is started (launcher.ts).

# read_pending PID [PARENT [NAME]]: sets pending, which stays empty when there is no such process, or it is not a child of
# PARENT, or has another name.
read_pending() {
  pending=
  while read -r field value rest; do
    case $field in
      Name:) [ -z "$3" ] || [ "$value" = "$3" ] || return ;;
      PPid:) [ -z "$2" ] || [ "$value" = "$2" ] || return ;;
      ShdPnd:) pending=$value && return ;;
    esac
  done < "/proc/$1/status"
}

# is_pending SIGNAL: whether it was among them. Those that stop a task are all in the last four digits.
is_pending() {
  case $1 in HUP) bit=0 ;; INT) bit=1 ;; QUIT) bit=2 ;; USR1) bit=9 ;; USR2) bit=11 ;; TERM) bit=14 ;; esac
  [ $((0x0${pending#????????????} >> bit & 1)) = 1 ]
}

# The namespace's first process blocks them as long as it lives, and does not hand them on to what it forks: what it has
# was sent to the task too, before there was one. As they are blocked here as well, one that came twice counts once.
take_pending() {
  read_pending 1
  for signal in HUP INT QUIT TERM USR1 USR2; do
    is_pending "$signal" && kill -s "$signal" "$$"
  done
}
