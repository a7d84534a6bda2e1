// Owns the services of a cluster as the units of infra/systemd run them, in a systemd of their own: units with the places of a
// test in them, what systemd says of each, and what each has logged. It tests nothing itself.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PrivateSystemd, startPrivateSystemd } from '@parley/isolation/private-systemd';
import { type CommandResult, runCommand } from '@parley/isolation/run-command';

const CLONE = fileURLToPath(new URL('../../..', import.meta.url));
const UNITS = path.join(CLONE, 'infra/systemd');
/** Where the units expect the clone to be. */
const INSTALLED = '/opt/parley';
/** What services wait for beside their own units; there is nothing to wait for here. */
const TARGETS = ['sysinit', 'basic', 'shutdown', 'network-online', 'multi-user', 'slices'];

export const unitFiles = (): string[] => readdirSync(UNITS);

const textOfUnit = (name: string): string => readFileSync(path.join(UNITS, name), 'utf8');

/** As it is, but for where the clone lies: `INSTALLED` is nowhere on this host. */
export function textInClone(name: string): string {
  return textOfUnit(name).replaceAll(INSTALLED, path.resolve(CLONE));
}

export class UnitHost {
  /** Stands for /etc/parley. */
  readonly etc: string;
  /** Stands for /var/lib/parley. */
  readonly state: string;
  readonly #systemd: PrivateSystemd;
  readonly #logs: string;

  private constructor(directory: string, systemd: PrivateSystemd) {
    this.etc = path.join(directory, 'etc');
    this.state = path.join(directory, 'var');
    this.#logs = path.join(directory, 'logs');
    this.#systemd = systemd;
    for (const folder of [this.etc, this.state, this.#logs]) mkdirSync(folder);
  }

  static async start(directory: string): Promise<UnitHost> {
    const stateDirectory = path.join(directory, 'systemd');
    const systemd = await startPrivateSystemd({ stateDirectory, name: 'units' });
    const host = new UnitHost(directory, systemd);
    try {
      await host.#install();
      return host;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  /** More settings of a unit or, with `parley-agent@.service`, of all its instances. */
  async set(unit: string, section: string, name = 'test'): Promise<void> {
    const folder = path.join(this.#unitsDirectory, `${unit}.d`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${name}.conf`), section);
    await this.#reload();
  }

  systemctl(...words: readonly string[]): Promise<CommandResult> {
    return this.#inside('systemctl', ...words);
  }

  /** A property of the unit, as systemd has it now. */
  async property(unit: string, name: string): Promise<string> {
    const { stdout } = await this.systemctl('show', '--value', `--property=${name}`, unit);
    return stdout.trim();
  }

  /** A line of the status file of the unit's main process. */
  async processLine(unit: string, name: string): Promise<string> {
    const pid = await this.property(unit, 'MainPID');
    const status = readFileSync(`${this.#systemd.rootPath}/proc/${pid}/status`, 'utf8');
    return (
      status
        .split('\n')
        .find((line) => line.startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim() ?? ''
    );
  }

  /** What systemd has loaded for the service, each file by its name, with its mode; `.`: the directory that holds them. */
  credentials(unit: string): Map<string, number> {
    const folder = path.join(this.#systemd.rootPath, 'run/credentials', `${unit}.service`);
    const names = ['.', ...readdirSync(folder)];
    return new Map(names.map((name) => [name, statSync(path.join(folder, name)).mode]));
  }

  logOf(unit: string): string {
    return readFileSync(path.join(this.#logs, `${unit}.log`), 'utf8');
  }

  close(): Promise<void> {
    return this.#systemd.stop();
  }

  get #unitsDirectory(): string {
    return path.join(this.#systemd.rootPath, 'run/parley-systemd-units');
  }

  #inside(...argv: readonly string[]): Promise<CommandResult> {
    return runCommand([...this.#systemd.enterCommand, ...argv]);
  }

  async #install(): Promise<void> {
    // Only what is in it: the directory itself may be closed to others.
    const bind = `set -eu; mount -t tmpfs -o mode=755 tmpfs "\${2%/*}"; mkdir "$2"
      for one in "$1"/*; do
        place="$2/\${one##*/}"
        if [ -d "$one" ]; then mkdir "$place"; else touch "$place"; fi
        mount --bind "$one" "$place"
      done`;
    const bound = await this.#inside('sh', '-c', bind, 'sh', path.resolve(CLONE), INSTALLED);
    if (bound.code !== 0) throw new Error(`the clone is not at ${INSTALLED}: ${bound.stderr}`);
    for (const target of TARGETS) {
      const text = '[Unit]\nDefaultDependencies=no\n';
      writeFileSync(path.join(this.#unitsDirectory, `${target}.target`), text);
    }
    for (const name of unitFiles()) {
      const text = textOfUnit(name)
        .replaceAll('/etc/parley', this.etc)
        .replaceAll('/var/lib/parley', this.state);
      writeFileSync(path.join(this.#unitsDirectory, name), text);
      // No journal runs here.
      const log = `[Service]\nStandardOutput=append:${this.#logs}/%p@%i.log\nStandardError=inherit\n`;
      if (name.endsWith('.service')) await this.set(name, log, 'log');
    }
  }

  async #reload(): Promise<void> {
    const { code, stderr } = await this.systemctl('daemon-reload');
    if (code !== 0) throw new Error(`systemd does not read its units: ${stderr}`);
  }
}
