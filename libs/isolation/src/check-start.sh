# Owns telling whether a program can be started, before it is: `env` exits with 127 and 126 when it cannot, and so may the
# program itself. It forks nothing. Sourced by run-task.sh; also run as `sh -c` of this text where the task's user is.

# check_start PROGRAM SEARCH_PATH: sets `fault` to why it cannot be started, empty when it can, and `file` to the
# program. It is looked for as execvp(3) does.
check_start() {
  fault='' file=$1
  case $1 in
    */*)
      if [ ! -e "$1" ]; then
        fault=commandNotFound
        is_hidden "$1" && fault=commandNotPermitted
      elif [ ! -f "$1" ] || [ ! -x "$1" ]; then fault=commandNotPermitted
      fi
      return ;;
  esac
  fault=commandNotFound
  places=$2:
  while [ -n "$places" ]; do
    place=${places%%:*} places=${places#*:}
    file=${place:-.}/$1
    [ -f "$file" ] || continue
    [ -x "$file" ] && fault='' && return
    fault=commandNotPermitted
  done
}

# Whether a file that is not seen may be there: the nearest directory above it that is seen may not be searched.
is_hidden() {
  place=$1
  while :; do
    case $place in
      /*/* | [!/]*/*) place=${place%/*} ;;
      /*) place=/ ;;
      *) place=. ;;
    esac
    [ -d "$place" ] && break
    case $place in / | .) return 0 ;; esac
  done
  [ ! -x "$place" ]
}

# Where the program was found, for who asks why it could not be started all the same.
say_program() {
  case $file in
    *"
"*) echo program= ;;
    /*) echo "program=$file" ;;
    *) echo "program=$PWD/$file" ;;
  esac
}

# check_interpreter FILE: the same for a script whose `#!` names what is not there.
check_interpreter() {
  fault=
  [ -f "$1" ] || return
  first= && read -r first < "$1"
  case $first in '#!'*) ;; *) return ;; esac
  first=${first#'#!'} && first=${first#"${first%%[! ]*}"}
  [ -e "${first%% *}" ] || fault=commandNotFound
}

# Instead of the task: tells the shim why, on file descriptor 5, and the task's stderr.
refuse() {
  echo "couldNotStart=$1" >&5
  say_fault "$1" "$2"
  [ "$1" = commandNotFound ] && exit 127
  exit 126
}

say_fault() {
  case $1 in
    commandNotFound) echo "parley: $2: not found" >&2 ;;
    commandNotPermitted) echo "parley: $2: no permission to execute it" >&2 ;;
    userNotFound) echo "parley: no user is named $2" >&2 ;;
  esac
}
