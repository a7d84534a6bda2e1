// Owns stand-ins for what the operator's page reaches other hosts with: scp, ssh and systemctl as small programs that do on
// this host, below one folder, what they would do on the hosts. Units are run as their files say.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Shims = {
  /** To be put first in PATH. */
  readonly bin: string;
  /** Pids of the services that run. */
  readonly running: () => readonly number[];
  readonly logOf: (unit: string) => string;
};

/** `/etc/nats` of a NATS host is the folder of that node below `directory`; all other hosts share `/etc/parley`. */
export function writeShims(directory: string, clone: string): Shims {
  const bin = join(directory, 'bin');
  const state = join(directory, 'services');
  for (const folder of [bin, state, join(directory, 'etc/parley'), join(directory, 'var')]) {
    mkdirSync(folder, { recursive: true });
  }
  const write = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/bash\nset -euo pipefail\n${text}`, { mode: 0o755 });
  write(
    'scp',
    `target="\${!#}"
host="\${target%%:*}" place="\${target#*:}"
case "$place" in
  /etc/nats/*) place="${directory}/$host/" ;;
  /etc/parley/*) place="${directory}/etc/parley/" ;;
  *) echo "scp to $target: not a place of the page" >&2; exit 1 ;;
esac
cp "\${@:1:$#-1}" "$place"
`,
  );
  write('ssh', 'shift\nexec "$@"\n');
  write(
    'systemctl',
    `state="${state}"
verb=$1; shift
signal=TERM starts=no stops=no
case "$verb" in
  enable|start) starts=yes ;;
  disable|stop) stops=yes ;;
  restart) starts=yes; stops=yes ;;
  kill) stops=yes ;;
  *) echo "systemctl $verb: not a word of the page" >&2; exit 1 ;;
esac
for word in "$@"; do
  case "$word" in
    --now) ;;
    --signal=*) signal="\${word#--signal=}" ;;
    *) unit="$word" ;;
  esac
done
if [ $stops = yes ] && [ -e "$state/$unit.pid" ]; then
  pid=$(cat "$state/$unit.pid")
  kill -s "\${signal#SIG}" "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  rm "$state/$unit.pid"
fi
[ $starts = yes ] || exit 0
file="${clone}/infra/systemd/\${unit%%@*}@.service"
credential=$(sed -n 's/^LoadCredential=credential.json://p' "$file")
command=$(sed -n 's/^ExecStart=//p' "$file" | sed "s#[$]{CREDENTIALS_DIRECTORY}/credential.json#$credential#; s#%i#\${unit#*@}#g; s#/opt/parley#${clone}#g; s#/etc/parley#${directory}/etc/parley#g; s#/var/lib/parley#${directory}/var#g")
[ ! -e "${directory}/etc/parley/parley.env" ] || . "${directory}/etc/parley/parley.env"
export MASTER_OPTIONS="\${MASTER_OPTIONS:-}" ALLOCATOR_OPTIONS="\${ALLOCATOR_OPTIONS:-}" AGENT_OPTIONS="\${AGENT_OPTIONS:-}"
setsid bash -c "exec $command" < /dev/null >> "$state/$unit.log" 2>&1 &
echo $! > "$state/$unit.pid"
`,
  );
  return {
    bin,
    running: () =>
      readdirSync(state)
        .filter((name) => name.endsWith('.pid'))
        .map((name) => Number(readFileSync(join(state, name), 'utf8')))
        // One may have ended by itself.
        .filter((pid) => existsSync(`/proc/${pid}`)),
    logOf: (unit) => readFileSync(join(state, `${unit}.log`), 'utf8'),
  };
}
