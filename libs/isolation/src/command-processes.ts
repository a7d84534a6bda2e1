// Owns ending a command that runs beside a task together with what it has started. There is no control group for it alone:
// it is in the task's. What belongs to it is known by descent and by session (credentials(7)), so that a process that
// has left both lives on, until its task's scope ends it.
import { readdir, readFile } from 'node:fs/promises';

type Known = { readonly pid: number; readonly parent: number; readonly session: number };

/** Killing takes a look at every process: what is started meanwhile is found by the next look. */
const MAX_LOOKS = 5;

export class CommandProcesses {
  readonly #sessions: Set<number>;

  /** `leader`: was started as the leader of a session. */
  constructor(leader: number) {
    this.#sessions = new Set([leader]);
  }

  /** Looks which sessions there are, to know them when who led them is gone. */
  async learn(): Promise<void> {
    belongingTo(this.#sessions, await listProcesses());
  }

  /** Kills what is in these sessions, and what descends from any of that. Never rejects. */
  async kill(): Promise<void> {
    for (let look = 0; look < MAX_LOOKS; look += 1) {
      const found = belongingTo(this.#sessions, await listProcesses());
      if (found.length === 0) {
        // Nobody is left who could start anything there, and the number of an empty session may become another's.
        this.#sessions.clear();
        return;
      }
      for (const { pid } of found) kill(pid);
    }
  }

  /** The first process of the last session that was learnt: who is under a terminal, where there is one. 0: there is none left. */
  get innermost(): number {
    return [...this.#sessions].at(-1) ?? 0;
  }
}

/** Adds the sessions that it finds. A pid alone says nothing: it may be another's by now. */
export function belongingTo(sessions: Set<number>, processes: readonly Known[]): readonly Known[] {
  const found = new Map<number, Known>();
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const one of processes) {
      if (!found.has(one.parent) && !sessions.has(one.session)) continue;
      found.set(one.pid, one);
      sessions.add(one.session);
    }
  }
  return [...found.values()];
}

async function listProcesses(): Promise<Known[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const known = await Promise.all(pids.map(readKnown));
  return known.filter((one) => one !== undefined);
}

/** Undefined of one that is gone, or a zombie: it runs nothing any more. */
async function readKnown(pid: string): Promise<Known | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces and parentheses itself.
  const [state, parent, , session] = line.slice(line.lastIndexOf(')') + 2).split(' ');
  if (session === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid: Number(pid), parent: Number(parent), session: Number(session) };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended (ESRCH), or is a setuid program that this user may not signal (EPERM): its task's scope ends it.
  }
}
