// Owns which CPUs belong to which task that asked for whole CPUs of its own: a file for each in the work directory, so that an
// agent that starts again knows them; and that other tasks keep off them. How the kernel does it is in @parley/isolation.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { formatCpuList, parseCpuList } from '@parley/isolation/cpu-list';
import {
  cpusetGroupOf,
  keepOthersOff,
  makeCpusetGroup,
  moveToOthers,
  OTHERS_GROUP,
  removeCpusetGroup,
} from '@parley/isolation/cpuset-group';
import type { LaunchRequest, TaskLauncher } from '@parley/isolation/launcher';
import { listRuns, readShimProcess } from '@parley/isolation/run-directory';
import { runRootOf } from '@parley/isolation/sandbox';
import { isUnitName } from '@parley/isolation/unit-name';
import { replaceFile } from './durable-file.ts';

/** `scope`: by a property of it, on cgroup v2. `group`: by one beside it, on v1. Or why it cannot be kept, a sentence. */
export type PinHost =
  | { readonly kind: 'scope' }
  | { readonly kind: 'group'; readonly rootPath: string }
  | { readonly lacks: string };

export type CpuPinsOptions = {
  readonly workDirectory: string;
  readonly host: PinHost;
  /** Those that tasks may have. */
  readonly cpus: readonly number[];
};

export type PinOutcome =
  | { readonly ok: true; readonly pinned: NonNullable<LaunchRequest['pinned']> }
  | { readonly ok: false; readonly message: string };

export class CpuPins {
  readonly #options: CpuPinsOptions;
  readonly #directory: string;
  readonly #taken = new Map<string, readonly number[]>();
  /** Of units that have ended, and that a process was still seen in. */
  readonly #leaving = new Set<string>();
  /** That the others are off what is taken; undefined where this process has not seen to it yet. */
  #keptOff: Promise<void> | undefined;

  /** Reads what an earlier process gave; whether its unit still runs it does not know. */
  constructor(options: CpuPinsOptions) {
    this.#options = options;
    this.#directory = path.join(options.workDirectory, 'pinned-cpus');
    for (const unit of namesIn(this.#directory)) {
      const cpus = parseCpuList(readFileSync(path.join(this.#directory, unit), 'utf8'));
      if (isUnitName(unit) && cpus !== undefined) this.#taken.set(unit, cpus);
    }
  }

  /** The units that have CPUs of their own. */
  units(): ReadonlySet<string> {
    return new Set(this.#taken.keys());
  }

  /** A launcher whose tasks keep off the CPUs that are others' own, where its host can do so while they run. */
  keepingOff(launcher: TaskLauncher): TaskLauncher {
    const { host } = this.#options;
    if (!('kind' in host) || host.kind === 'scope') return launcher;
    const others = { cpus: [], group: OTHERS_GROUP };
    const launch: TaskLauncher['launch'] = async (request) => {
      const isKept = request.pinned === undefined && (await this.#areKeptOff(host.rootPath));
      return launcher.launch(isKept ? { ...request, pinned: others } : request);
    };
    return { ...launcher, launch };
  }

  /** False where that cannot be: they run by weight there, as without. */
  async #areKeptOff(rootPath: string): Promise<boolean> {
    if (this.#taken.size === 0) return false;
    this.#keptOff ??= keepOthersOff(rootPath, [...this.#taken.values()].flat());
    return this.#keptOff.then(
      () => true,
      () => false,
    );
  }

  /** Those that no other unit has, the lowest numbers first. A unit keeps what it has: it may run. */
  async take(unit: string, count: number): Promise<PinOutcome> {
    const { host } = this.#options;
    if ('lacks' in host) return refused(`no CPUs can be a task's own here: ${host.lacks}`);
    for (const each of [...this.#leaving]) await this.release(each);
    const cpus = this.#taken.get(unit) ?? this.#choose(unit, count);
    if (typeof cpus === 'string') return refused(cpus);
    try {
      if (host.kind === 'scope') return { ok: true, pinned: { cpus } };
      await makeCpusetGroup(host.rootPath, unit, cpus);
      await this.#keepOthersOff(host.rootPath);
      return { ok: true, pinned: { cpus, group: cpusetGroupOf(unit) } };
    } catch (error) {
      await this.release(unit);
      const why = error instanceof Error ? error.message : String(error);
      return refused(`CPUs ${formatCpuList(cpus)} cannot be made the task's own: ${why}`);
    }
  }

  /** Of a unit that has none it does nothing. */
  async release(unit: string): Promise<void> {
    const { host } = this.#options;
    if (!this.#taken.has(unit)) return;
    this.#leaving.add(unit);
    const isFree =
      !('kind' in host) ||
      host.kind === 'scope' ||
      (await removeCpusetGroup(host.rootPath, unit).catch(() => false));
    if (!isFree) return;
    this.#leaving.delete(unit);
    this.#taken.delete(unit);
    rmSync(path.join(this.#directory, unit), { force: true });
    if (!('kind' in host) || host.kind !== 'group') return;
    // What a unit had is free all the same; others keep off more than they must until the next change.
    await this.#changeOthers(host.rootPath).catch(() => undefined);
  }

  #changeOthers(rootPath: string): Promise<void> {
    this.#keptOff = keepOthersOff(rootPath, [...this.#taken.values()].flat());
    return this.#keptOff;
  }

  /** Those that run already, too: of the first that has some, nobody was kept off. */
  async #keepOthersOff(rootPath: string): Promise<void> {
    await this.#changeOthers(rootPath);
    if (this.#taken.size > 1) return;
    const runRoot = runRootOf(this.#options.workDirectory);
    for (const unit of await listRuns(runRoot).catch(() => [])) {
      if (this.#taken.has(unit)) continue;
      const shim = await readShimProcess(path.join(runRoot, unit));
      if (shim === undefined || shim.memoryGroup === '') continue;
      await moveToOthers(rootPath, path.join(shim.memoryGroup, 'cgroup.procs'));
    }
  }

  /** Or why there are none. On the disk before anything runs on them. */
  #choose(unit: string, count: number): readonly number[] | string {
    const taken = new Set([...this.#taken.values()].flat());
    const free = this.#options.cpus.filter((cpu) => !taken.has(cpu));
    if (free.length < count) {
      return `the task asks for ${count} whole CPUs of its own, and ${free.length} of the ${this.#options.cpus.length} of this agent are no other task's own: wait for one of those, or ask another agent`;
    }
    const chosen = free.slice(0, count);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const written = replaceFile(path.join(this.#directory, unit), formatCpuList(chosen));
    if (!written.ok)
      return `which CPUs it has could not be written down: ${written.failure.message}`;
    this.#taken.set(unit, chosen);
    return chosen;
  }
}

function refused(message: string): PinOutcome {
  return { ok: false, message };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
