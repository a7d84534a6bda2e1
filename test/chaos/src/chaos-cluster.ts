// Owns the cluster of a run: nodes of NATS with a proxy before each, masters, allocators, agents, frameworks, each on its
// host; who has which role at the moment. It runs on the lab's host. What is done to it is inflict.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RoleName } from '@parley/protocol/ids';
import { type Nats3, startNats3 } from '@parley/test-integration/nats3-fixture';
import { Clocks } from './clocks.ts';
import { mountDisk } from './disks.ts';
import type { Manner } from './disturbance.ts';
import type { Place } from './evidence.ts';
import {
  ALLOCATORS,
  CLUSTER,
  type Host,
  hostNamed,
  hostsOfKind,
  type Layout,
  MASTERS,
  NODES,
  OPERATOR,
  PRINCIPALS,
  PROXY_PORT,
} from './layout.ts';
import { Member, type Victim } from './member.ts';
import { endHost, enterHost } from './network.ts';
import { NodeVictim } from './node-victim.ts';
import { agentsDirectory, natsDirectory, type RunRecord } from './run-record.ts';

const SERVICES = fileURLToPath(new URL('../../../services', import.meta.url));
const FRAMEWORK = fileURLToPath(new URL('framework-process.ts', import.meta.url));
const PROXY = fileURLToPath(new URL('proxy-process.ts', import.meta.url));
const NODE_PORT = 4222;
const AGENT_DISK_MIB = 64;
const NODE_DISK_MIB = 256;
/** Short ones, so that verdicts fall while links are cut. */
const MASTER_OPTIONS = ['--agent-silence-ms', '8000', '--framework-silence-ms', '6000'];
const START_LIMIT_MS = 240_000;
const LOOK_MS = 50;
const LEADS = { master: '"msg":"term begins"', allocator: '"msg":"term began"' } as const;

export type ClusterOptions = RunRecord & {
  readonly layout: Layout;
  readonly seed: number;
  readonly faketime: string;
};

export class ChaosCluster {
  readonly clocks: Clocks;
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, Member>();
  readonly #nodes = new Map<string, NodeVictim>();
  readonly #proxies = new Map<string, ChildProcess>();
  readonly #rebooted = new Set<string>();
  readonly #leaders = { master: MASTERS[0] as string, allocator: ALLOCATORS[0] as string };
  #nats: Nats3 | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.clocks = new Clocks(options.directory, options.faketime);
  }

  get nats(): Nats3 {
    if (this.#nats === undefined) throw new Error('the cluster is not started');
    return this.#nats;
  }

  get place(): Place {
    const { run, directory, layout } = this.#options;
    const operatorCredential = this.nats.credential('operator', OPERATOR);
    return { run, directory, layout, servers: this.nats.urls, operatorCredential };
  }

  async start(): Promise<void> {
    const { layout, directory } = this.#options;
    for (const agent of layout.agents) {
      await mountDisk(path.join(agentsDirectory(directory), agent), AGENT_DISK_MIB);
    }
    for (const node of NODES) await mountDisk(this.diskOf(node), NODE_DISK_MIB);
    await Promise.all(NODES.map((node) => this.#startProxy(hostNamed(layout, node))));
    await this.#startNats();
    const [first, ...others] = hostsOfKind(layout, 'master');
    if (first !== undefined) this.#startService(first, 'master', MASTER_OPTIONS);
    await this.#untilSaid(MASTERS[0], LEADS.master);
    for (const host of others) this.#startService(host, 'master', MASTER_OPTIONS);
    for (const host of hostsOfKind(layout, 'allocator')) this.#startService(host, 'allocator', []);
    for (const host of hostsOfKind(layout, 'agent')) {
      this.#startService(host, 'agent', this.#agentOptions(host));
    }
    for (const { name } of hostsOfKind(layout, 'agent')) {
      await this.#untilSaid(name, '"msg":"registered"');
    }
    for (const [index, host] of hostsOfKind(layout, 'framework').entries()) {
      this.#startFramework(host, index);
    }
    for (const name of layout.frameworks) await this.#untilSaid(name, '"msg":"subscribed"');
  }

  /** Whoever is meant now, or the host of that name. */
  async resolve(target: string): Promise<readonly string[]> {
    const { agents, frameworks } = this.#options.layout;
    switch (target) {
      case 'all masters':
        return MASTERS;
      case 'all allocators':
        return ALLOCATORS;
      case 'all nodes of NATS':
        return NODES;
      case 'all frameworks':
        return frameworks;
      case 'half of the agents':
        return agents.slice(0, Math.ceil(agents.length / 2));
      default:
        return [await this.#one(target)];
    }
  }

  async #one(target: string): Promise<string> {
    const other = (all: readonly string[], leader: string): string =>
      all.find((name) => name !== leader) ?? leader;
    switch (target) {
      case 'the leading master':
        return this.#leaders.master;
      case 'the master that stands by':
        return other(MASTERS, this.#leaders.master);
      case 'the leading allocator':
        return this.#leaders.allocator;
      case 'the allocator that stands by':
        return other(ALLOCATORS, this.#leaders.allocator);
      case 'the node that leads the journal':
        return (await this.nats.leaderOf()).name;
      default:
        return target;
    }
  }

  victim(name: string): Victim {
    const found = this.#members.get(name) ?? this.#nodes.get(name);
    if (found === undefined) throw new Error(`nobody is named ${name}`);
    return found;
  }

  /** As a power cut does: the agent and all that runs on its host ends, and it is started again. */
  async reboot(agent: string): Promise<void> {
    this.#rebooted.add(agent);
    await this.victim(agent).kill();
    await endHost(this.#options.run, agent);
  }

  /** Agents whose tasks ended with their host. */
  get rebooted(): ReadonlySet<string> {
    return this.#rebooted;
  }

  isNode(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** Where it writes. */
  diskOf(name: string): string {
    const { directory } = this.#options;
    const isNode = NODES.some((node) => node === name);
    return isNode
      ? path.join(natsDirectory(directory), name, 'store')
      : path.join(agentsDirectory(directory), name);
  }

  disturb(node: string, manner: Manner): void {
    this.#proxies.get(node)?.send(manner);
  }

  /** Frameworks that did not end yet, as they were told to. */
  get busyFrameworks(): readonly string[] {
    return this.#options.layout.frameworks.filter((name) => !this.#members.get(name)?.hasLeft);
  }

  /** After their faults: nodes that are being started answer. */
  async nodesRun(): Promise<void> {
    for (const node of this.#nodes.values()) await node.started();
  }

  /** Told to end; with no task left they leave nothing behind. */
  async endAgents(): Promise<void> {
    const { agents } = this.#options.layout;
    await Promise.all(agents.map((name) => this.#members.get(name)?.leave()));
  }

  async #startNats(): Promise<void> {
    const { run, directory, layout } = this.#options;
    const actors = (['master', 'allocator', 'agent'] as const).flatMap((kind) =>
      hostsOfKind(layout, kind).map(({ name }) => ({ kind, id: name })),
    );
    const placeOf = (name: string) => ({
      host: hostNamed(layout, name).address,
      enter: enterHost(run, name),
    });
    this.#nats = await startNats3({
      cluster: CLUSTER,
      actors: [...actors, { kind: 'operator', id: OPERATOR }],
      principals: PRINCIPALS.map((name) => ({ name, roles: [RoleName.parse('*')] })),
      directory: natsDirectory(directory),
      places: { n1: placeOf('n1'), n2: placeOf('n2'), n3: placeOf('n3') },
      servers: NODES.map((name) => `nats://${hostNamed(layout, name).address}:${PROXY_PORT}`),
      maxStreamBytes: 32 * 1024 * 1024,
    });
    for (const node of this.#nats.nodes) this.#nodes.set(node.name, new NodeVictim(node));
  }

  async #startProxy({ name, address }: Host): Promise<void> {
    const { run, seed } = this.#options;
    const ports = [String(PROXY_PORT), String(NODE_PORT)];
    const argv = [process.execPath, PROXY, address, ...ports, String(seed)];
    const [program = '', ...rest] = [...enterHost(run, name), ...argv];
    const child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#proxies.set(name, child);
    await once(child, 'message');
  }

  #startService(
    host: Host,
    kind: 'master' | 'allocator' | 'agent',
    options: readonly string[],
  ): void {
    const main = path.join(SERVICES, kind, 'src/main.ts');
    this.#startMember(host, [main, '--creds', this.nats.credential(kind, host.name), ...options]);
  }

  #startFramework(host: Host, index: number): void {
    const principal = PRINCIPALS[index % PRINCIPALS.length] ?? '';
    const credential = this.nats.credential('principal', principal);
    this.#startMember(host, [FRAMEWORK, credential, host.name, this.#options.directory]);
  }

  #startMember(host: Host, program: readonly string[]): void {
    const { run, directory } = this.#options;
    const enter = [...enterHost(run, host.name), ...this.clocks.enter(host.name)];
    const member = new Member({
      host,
      argv: [...enter, process.execPath, ...program],
      logFile: path.join(directory, 'logs', `${host.name}.log`),
      onLine: (name, line) => this.#hear(host, name, line),
    });
    this.#members.set(host.name, member.start());
  }

  #agentOptions({ name }: Host): readonly string[] {
    return [
      // What ran is written down by the tasks themselves, in a file of the run.
      ...['--work-dir', this.diskOf(name), '--confine', 'none'],
      ...['--cpus', '4', '--mem', '2GiB', '--disk', '1GiB', '--network-bandwidth', '0'],
      ...['--ports', '31000-31010', '--object-cache', '1MiB'],
    ];
  }

  #hear({ kind }: Host, name: string, line: string): void {
    if ((kind === 'master' || kind === 'allocator') && line.includes(LEADS[kind])) {
      this.#leaders[kind] = name;
    }
  }

  async #untilSaid(name: string, text: string): Promise<void> {
    const deadlineMs = performance.now() + START_LIMIT_MS;
    while (!this.#members.get(name)?.hasSaid(text)) {
      if (performance.now() > deadlineMs) throw new Error(`${name} does not say ${text}`);
      await wait(LOOK_MS);
    }
  }
}
