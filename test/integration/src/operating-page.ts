// Owns the operator's page as something that can be typed: its blocks by name, run as they stand against three nodes of
// NATS with TLS that are not ours, with other hosts played by this one. It tests nothing itself.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MasterList } from '@parley/protocol/leadership';
import { nkeys } from 'nats';
import { expect } from 'vitest';
import { until } from './cluster-fixture.ts';
import { type MadeNodes, makeNodes } from './nats3-fixture.ts';
import { type Shims, writeShims } from './operating-shims.ts';

const run = promisify(execFile);
const BLOCK_LIMIT_MS = 120_000;
export const clone = fileURLToPath(new URL('../../..', import.meta.url));
const MASTERS = ['master-1', 'master-2', 'master-3'];
const NAMES = ['n1', 'n2', 'n3'];

/** Name and text of each block of the page that is to be typed. */
export const blocks: ReadonlyMap<string, string> = new Map(
  [
    ...readFileSync(path.join(clone, 'infra/docs/operating.md'), 'utf8').matchAll(
      /```sh ([a-z-]+)\n([\s\S]*?)```/g,
    ),
  ].map(([, name = '', text = '']) => [name, text]),
);

export class OperatingPage {
  readonly directory: string;
  readonly nats: MadeNodes;
  readonly shims: Shims;
  /** Blocks that were typed, in order; the settings are in force from the beginning. */
  readonly done: string[] = ['settings'];
  readonly #administrator = nkeys.createUser();
  #isIncluded = false;

  private constructor(nats: MadeNodes, directory: string, others: string) {
    this.directory = directory;
    this.nats = nats;
    this.shims = writeShims(directory, clone);
    nats.setAccounts(
      () => `  SYSTEM { users: [{ nkey: ${this.#administrator.getPublicKey()} }] }
  ${others}
  ${this.#isIncluded ? 'include parley-prod.conf' : ''}`,
    );
    writeFileSync(path.join(directory, 'ca.pem'), nats.authority?.certificate ?? '');
    writeFileSync(path.join(directory, 'system.nk'), this.#administrator.getSeed(), {
      mode: 0o600,
    });
    writeFileSync(
      path.join(directory, 'etc/parley/parley.env'),
      `AGENT_OPTIONS="--isolation process --cpus 4 --mem 4GiB --disk 1GiB --network-bandwidth 0 --ports 31000-31010"\n`,
    );
  }

  /** The nodes run. @param others accounts that are not ours */
  static async open(others = ''): Promise<OperatingPage> {
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-operating-'));
    const how = { directory, tls: true, separable: false, systemAccount: 'SYSTEM' };
    const page = new OperatingPage(await makeNodes(how), directory, others);
    await page.startNodes();
    return page;
  }

  async startNodes(): Promise<void> {
    await Promise.all(this.nats.nodes.map((node) => node.start()));
  }

  /** As it would be typed: in the clone, with the page's settings and what they name on this host. */
  async typed(name: string): Promise<string> {
    this.done.push(name);
    // The page stands in the clone; what it makes there lies elsewhere while it is tested.
    const text = blocks.get(name) ?? 'false';
    return this.shell(text.replaceAll(' .parley/', ` ${this.directory}/.parley/`));
  }

  async shell(text: string, timeoutMs = BLOCK_LIMIT_MS): Promise<string> {
    const { directory, nats } = this;
    const settings = {
      CLUSTER: 'prod',
      NATS: nats.urls.join(','),
      NATS_HOSTS: NAMES.join(' '),
      NATS_CA: path.join(directory, 'ca.pem'),
      NATS_SYSTEM: path.join(directory, 'system.nk'),
      MASTERS: 'host-1 host-2 host-3',
      PRINCIPAL: 'wordcount',
    };
    const exports = [...(blocks.get('settings') ?? '').matchAll(/^export ([A-Z_]+)=/gm)];
    expect(exports.map(([, variable]) => variable)).toEqual(Object.keys(settings));
    const env = {
      ...process.env,
      ...settings,
      HOME: directory,
      PARLEY_DIRECTORY: path.join(directory, '.parley'),
      PATH: `${this.shims.bin}:${clone}/node_modules/.bin:${process.env['PATH']}`,
    };
    const how = { cwd: clone, env, timeout: timeoutMs };
    const { stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', text], how);
    return `${stdout}${stderr}`;
  }

  /** From nothing to services that all run and agents that are registered. Returns what `init` said. */
  async install(): Promise<string> {
    expect(await this.typed('accounts')).toContain('include parley-prod.conf');
    await this.typed('distribute');
    this.#isIncluded = true;
    for (const node of this.nats.nodes) node.writeConfig();
    const made = await this.typed('init');
    await this.typed('services');
    for (const id of ['agent-1', 'agent-2']) await this.untilRegistered(id);
    return made;
  }

  async untilRegistered(agentId: string, times = 1): Promise<void> {
    const registrations = (): number =>
      this.shims.logOf(`parley-agent@${agentId}`).split('"msg":"registered"').length - 1;
    await until(
      () => registrations() >= times,
      () => `${agentId} is registered`,
    );
  }

  /** One master leads, the two others follow it without a lag, and both allocators answer. */
  async expectAllUp(): Promise<void> {
    let seen = '';
    await until(
      async () => {
        seen = await this.shell('npx parley master list --json');
        const standings = MasterList.parse(JSON.parse(seen)).masters.map(
          ({ id, phase, books }) =>
            `${id} ${phase === 'leading' ? '' : `${phase} ${books?.lagEntries}`}`,
        );
        const [leader = '', ...others] = standings;
        const rest = MASTERS.filter((id) => `${id} ` !== leader);
        return rest.length === 2 && others.join() === rest.map((id) => `${id} following 0`).join();
      },
      () => `one master leads and two follow: ${seen}`,
    );
    for (const id of ['allocator-1', 'allocator-2']) {
      await until(
        async () => {
          seen = await this.shell(`npx parley log-level ${id} info --json || true`);
          return /"previous": "info",\s+"level": "info"/.test(seen);
        },
        () => `${id} answers: ${seen}`,
      );
    }
  }

  async close(): Promise<void> {
    for (const pid of this.shims.running()) process.kill(pid, 'SIGKILL');
    await Promise.all(this.nats.nodes.map((node) => node.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
