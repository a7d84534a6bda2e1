// What the tests of a real agent process share: the process itself with its log and its files, and tasks for it. The leader
// that it has is in played-leader.ts. It tests nothing itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopPrivateSystemd } from '@parley/isolation/private-systemd';
import { runRootOf } from '@parley/isolation/sandbox';
import { unitNameFor } from '@parley/isolation/unit-name';
import { AgentId, FrameworkRef } from '@parley/protocol/ids';
import type { TaskDescriptionInput } from '@parley/protocol/tasks';
import { alice, type BusFixture, cluster } from './bus-fixture.ts';

export const WAIT_MS = 60_000;
export const agentId = AgentId.parse('a1');
export const framework = FrameworkRef.parse({ principal: alice, frameworkId: 'fw' });
const CLONE = fileURLToPath(new URL('../../..', import.meta.url));

/** What an agent of the tests is told to offer, whatever its host has. */
const SIZES: readonly string[] = [
  ...['--cpus', '2', '--mem', '1GiB', '--disk', '1GiB'],
  ...['--network-bandwidth', '0', '--ports', '31000-31010'],
];

/** The agent `a1` in a work directory of its own, started and ended as often as a test likes. */
export class AgentUnderTest {
  readonly workDirectory: string;
  readonly #bus: BusFixture;
  readonly #how: 'auto' | 'process' | 'emulated';
  /** Words of a command that ends by becoming the agent, whose own words are put after them; heeded by `start`. */
  through: readonly string[];
  /** Options that say what it offers; heeded by `start`. Without any it looks at its host. */
  sizes = SIZES;
  /** Where the services of this release lie. */
  static readonly services = path.join(CLONE, 'services');
  /** Those of the release that `start` starts. */
  services = AgentUnderTest.services;
  #child: ChildProcess | undefined;
  #output = '';

  /**
   * `emulated`: by the process that emulates many, of which this is one; the bus has to know the emulator `many`.
   * `place`: the directory that its work directory is made in.
   */
  constructor(
    bus: BusFixture,
    how: 'auto' | 'process' | 'emulated',
    through: readonly string[] = [],
    place: string = tmpdir(),
  ) {
    this.workDirectory = mkdtempSync(path.join(place, 'parley-agent-'));
    this.through = through;
    this.#bus = bus;
    this.#how = how;
  }

  start(...more: string[]): this {
    const { server } = this.#bus;
    const isEmulated = this.#how === 'emulated';
    const credential = isEmulated
      ? server.credentialFile('emulator', 'many')
      : server.credentialFile('agent', agentId);
    const place = ['--nats', server.url, '--cluster', cluster, '--creds', credential];
    const agent = isEmulated
      ? ['--emulate', '1', '--id-prefix', 'a']
      : [
          ...['--id', agentId, '--work-dir', this.workDirectory, '--isolation', this.#how],
          // Programs of the tests are run as tasks, wherever the clone is.
          ...['--confine-show', CLONE],
        ];
    const main = path.join(this.services, 'agent/src/main.ts');
    const words = [process.execPath, main, ...place, ...agent, ...this.sizes, ...more];
    const [program = '', ...argv] = [...this.through, ...words];
    const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        this.#output += text.toString();
      });
    }
    this.#child = child;
    return this;
  }

  /** Everything that it said, over all its lives. */
  get output(): string {
    return this.#output;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Leaves the running process to the caller. */
  detach(): ChildProcess {
    const child = this.#child;
    if (child === undefined) throw new Error('the agent does not run');
    this.#child = undefined;
    return child;
  }

  /** The exit code or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('the agent does not run');
    child.kill(signal);
    return this.ended();
  }

  async ended(): Promise<number | string | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('the agent does not run');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#child = undefined;
    return child.exitCode ?? child.signalCode;
  }

  /** When this life of the agent ends by itself. */
  async dies(): Promise<void> {
    const child = this.#child;
    if (child === undefined) throw new Error('the agent does not run');
    await once(child, 'exit');
    if (this.#child === child) this.#child = undefined;
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await this.end('SIGKILL');
    const systemd = path.join(this.workDirectory, 'systemd');
    if (existsSync(systemd)) await stopPrivateSystemd(systemd);
    rmSync(this.workDirectory, { recursive: true, force: true });
  }

  has(file: string): boolean {
    return existsSync(path.join(this.workDirectory, file));
  }

  /** Names of all files and directories below one; none where there is no such directory. */
  filesBelow(directory: string): string[] {
    const place = path.join(this.workDirectory, directory);
    return existsSync(place) ? readdirSync(place, { recursive: true }).map(String).toSorted() : [];
  }

  write(file: string, text: string): void {
    writeFileSync(path.join(this.workDirectory, file), text);
  }

  /** Makes an empty file in the sandbox of a task. */
  touch(taskId: string, file: string): void {
    const { principal, frameworkId } = framework;
    this.write(path.join('sandboxes', principal, frameworkId, taskId, file), '');
  }

  /** What a task has written by now. */
  stdoutOf(taskId: string): string {
    return this.sandboxFile(taskId, 'stdout');
  }

  /** Empty where there is none. */
  sandboxFile(taskId: string, name: string): string {
    const { principal, frameworkId } = framework;
    const file = path.join('sandboxes', principal, frameworkId, taskId, name);
    const place = path.join(this.workDirectory, file);
    return existsSync(place) ? readFileSync(place, 'utf8') : '';
  }

  /** What stands in the files of that name in the sandboxes of executors, all that there have been. */
  executorFiles(name: string): string {
    const root = path.join(this.workDirectory, 'executor-sandboxes');
    const files = readdirSync(root).map((sandbox) => path.join(root, sandbox, name));
    return files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('');
  }

  /** Pids of what has a task's sandbox as its home, of the program of that name where one is given. */
  processesOf(taskId: string, program?: string): string[] {
    const { principal, frameworkId } = framework;
    const sandbox = path.join(this.workDirectory, 'sandboxes', principal, frameworkId, taskId);
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
        if (program !== undefined && name !== program) return false;
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${sandbox}\0`);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
  }

  /** What the shim of a task has recorded. */
  runFile(taskId: string, file: string): string {
    const unit = unitNameFor({ cluster, agentId, ...framework, taskId });
    return readFileSync(path.join(runRootOf(this.workDirectory), unit, file), 'utf8');
  }
}

export function aShellTask(
  taskId: string,
  script: string,
  changes: Partial<TaskDescriptionInput> = {},
): TaskDescriptionInput {
  return {
    taskId,
    resources: { scalars: { cpus: 500, mem: 64_000 } },
    command: { argv: ['sh', '-c', script] },
    ...changes,
  };
}
