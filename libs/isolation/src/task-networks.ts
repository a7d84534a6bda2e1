// Owns the private networks of tasks: a network namespace for each task that asked, with an address of its own, a link to
// the host whose rate the kernel keeps (tbf), and the ports of the host that lead to it. The kernel's own objects are the
// only record, so that an agent that starts again finds what is there. Who asks for what is the agent's.
import { type LinkTraffic, readLinkTraffic } from './link-traffic.ts';
import { formatNetworkRange, type NetworkRange, pairAt, pairsIn } from './network-range.ts';
import { type CommandResult, runCommand } from './run-command.ts';

export type TaskNetworksOptions = {
  /** For this agent alone: what carries addresses of it belongs to its tasks. */
  readonly range: NetworkRange;
  /** How to get into a private systemd's namespaces; empty on a host whose PID 1 is systemd. */
  readonly enterCommand: readonly string[];
};

export type NetworkRequest = {
  readonly unit: string;
  /** What the task may send, in kbit/s; undefined: as much as the host can. */
  readonly egressKbit: number | undefined;
  /** Of the host: what arrives there, over TCP and UDP, is led to the same ports of the task. */
  readonly ports: readonly number[];
};

export type TaskNetwork = {
  readonly unit: string;
  /** IPv4. The host reaches the task there; nobody else does. */
  readonly address: string;
  /** Of the namespace, as seen from where tasks run. */
  readonly namespacePath: string;
};

export type NetworkOutcome =
  | { readonly ok: true; readonly network: TaskNetwork }
  | { readonly ok: false; readonly message: string };

const NAMESPACES = '/run/netns';
/** Of an interface of 15 characters: these and the host's address in hexadecimal. */
const LINK_PREFIX = 'parl';
const TASK_LINK = 'eth0';
/** How long a packet may wait for its turn before it is dropped. */
const QUEUE_LATENCY = '50ms';
/** What may leave at once: 10 ms of the rate, and never less than a full segment of the kernel. */
const LEAST_BURST_BYTES = 65_536;

export class TaskNetworks {
  readonly #options: TaskNetworksOptions;
  readonly #indexes = new Map<string, number>();
  readonly #table: string;

  private constructor(options: TaskNetworksOptions) {
    this.#options = options;
    this.#table = `parley_${hexOf(options.range.base)}_${options.range.bits}`;
  }

  /**
   * Makes what all tasks share (forwarding, the rules that lead ports and hide private addresses), takes up the networks of
   * an earlier process, and removes what was made by halves. Needs root, ip(8), tc(8) and nft(8). Rejects with what is
   * missing and what to do.
   */
  static async open(options: TaskNetworksOptions): Promise<TaskNetworks> {
    const networks = new TaskNetworks(options);
    await networks.#forward();
    await networks.#must(['nft', '-f', '-'], networks.#rules());
    await networks.#takeUp();
    return networks;
  }

  /** The units that have a network. */
  units(): ReadonlySet<string> {
    return new Set(this.#indexes.keys());
  }

  of(unit: string): TaskNetwork | undefined {
    const index = this.#indexes.get(unit);
    return index === undefined ? undefined : this.#networkAt(unit, index);
  }

  /** What passed since each was made, by unit. Rejects with the file error. */
  async traffic(): Promise<ReadonlyMap<string, LinkTraffic>> {
    const links = await readLinkTraffic();
    const found = new Map<string, LinkTraffic>();
    for (const [unit, index] of this.#indexes) {
      const passed = links.get(this.#linkAt(index));
      if (passed !== undefined) found.set(unit, passed);
    }
    return found;
  }

  /** One that the unit has stays as it is: it may run. On failure nothing is left of it. */
  async make(request: NetworkRequest): Promise<NetworkOutcome> {
    const { unit } = request;
    const made = this.of(unit);
    if (made !== undefined) return { ok: true, network: made };
    const index = this.#freeIndex();
    if (index === undefined) {
      const range = formatNetworkRange(this.#options.range);
      const message = `all ${pairsIn(this.#options.range)} addresses of ${range} are in use: give the agent a larger --task-network`;
      return { ok: false, message };
    }
    this.#indexes.set(unit, index);
    try {
      await this.#make(request, index);
      return { ok: true, network: this.#networkAt(unit, index) };
    } catch (error) {
      await this.remove(unit);
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, message: `the task's network cannot be made: ${message}` };
    }
  }

  /** Of a unit that has none it does nothing. What cannot be removed now is removed when the agent starts again. */
  async remove(unit: string): Promise<void> {
    const index = this.#indexes.get(unit);
    if (index === undefined) return;
    await this.#removeAt(index);
    this.#indexes.delete(unit);
  }

  /** Every network and what they share: for an agent that ends for good. */
  async close(): Promise<void> {
    for (const unit of this.units()) await this.remove(unit);
    await this.#run(['nft', 'delete', 'table', 'ip', this.#table]);
  }

  #freeIndex(): number | undefined {
    const used = new Set(this.#indexes.values());
    for (let index = 0; index < pairsIn(this.#options.range); index += 1) {
      if (!used.has(index)) return index;
    }
    return undefined;
  }

  #networkAt(unit: string, index: number): TaskNetwork {
    const { task } = pairAt(this.#options.range, index);
    return { unit, address: task, namespacePath: `${NAMESPACES}/${this.#linkAt(index)}` };
  }

  /** Names the host's end, and the namespace. */
  #linkAt(index: number): string {
    return `${LINK_PREFIX}${hexOf(this.#options.range.base + 2 * index)}`;
  }

  async #make({ unit, egressKbit, ports }: NetworkRequest, index: number): Promise<void> {
    const link = this.#linkAt(index);
    const { host, task } = pairAt(this.#options.range, index);
    await this.#batch(
      'ip',
      [],
      [
        `netns add ${link}`,
        `link add ${link} type veth peer name ${TASK_LINK} netns ${link}`,
        `address add ${host}/31 dev ${link}`,
        `link set ${link} up`,
      ],
    );
    await this.#batch(
      'ip',
      ['-n', link],
      [
        'link set lo up',
        `address add ${task}/31 dev ${TASK_LINK}`,
        `link set ${TASK_LINK} up`,
        `route add default via ${host}`,
      ],
    );
    if (egressKbit !== undefined) {
      const burst = Math.max(LEAST_BURST_BYTES, Math.ceil((egressKbit * 1000) / 8 / 100));
      const queue = `tbf rate ${Math.max(1, Math.floor(egressKbit))}kbit burst ${burst} latency ${QUEUE_LATENCY}`;
      await this.#batch('tc', ['-n', link], [`qdisc add dev ${TASK_LINK} root ${queue}`]);
    }
    if (ports.length > 0) {
      const elements = ports.map((port) => `${port} : ${task}`).join(', ');
      await this.#must(['nft', '-f', '-'], `add element ip ${this.#table} ports { ${elements} }\n`);
    }
    // By this it is found again, and without it it is a half.
    await this.#must(['ip', 'link', 'set', link, 'alias', unit]);
  }

  async #removeAt(index: number): Promise<void> {
    const link = this.#linkAt(index);
    const { task } = pairAt(this.#options.range, index);
    const ports = await this.#portsOf(task);
    if (ports.length > 0) {
      const elements = ports.join(', ');
      await this.#run(
        ['nft', '-f', '-'],
        `delete element ip ${this.#table} ports { ${elements} }\n`,
      );
    }
    // A process of the task that is still there loses its link at once.
    await this.#run(['ip', 'link', 'delete', link]);
    await this.#run(['ip', 'netns', 'delete', link]);
  }

  async #portsOf(address: string): Promise<number[]> {
    const listed = await this.#run(['nft', 'list', 'map', 'ip', this.#table, 'ports']);
    const pairs = listed.stdout.matchAll(/(\d+) : (\d+\.\d+\.\d+\.\d+)/g);
    return [...pairs].filter(([, , to]) => to === address).map(([, port]) => Number(port));
  }

  async #takeUp(): Promise<void> {
    const found = new Map<number, string | undefined>();
    const listed = await this.#run(['ip', 'netns', 'list']);
    for (const line of listed.stdout.split('\n')) {
      const index = this.#indexOf(line.split(' ')[0] ?? '');
      if (index !== undefined) found.set(index, undefined);
    }
    for (const { ifname, ifalias } of await this.#links()) {
      const index = this.#indexOf(ifname);
      if (index !== undefined) found.set(index, ifalias);
    }
    for (const [index, unit] of found) {
      if (unit === undefined) await this.#removeAt(index);
      else this.#indexes.set(unit, index);
    }
  }

  async #links(): Promise<{ ifname: string; ifalias?: string }[]> {
    const { stdout } = await this.#must(['ip', '-json', 'link', 'show', 'type', 'veth']);
    return stdout.trim() === '' ? [] : JSON.parse(stdout);
  }

  #indexOf(name: string): number | undefined {
    if (!name.startsWith(LINK_PREFIX)) return undefined;
    const { range } = this.#options;
    const address = Number.parseInt(name.slice(LINK_PREFIX.length), 16);
    const index = (address - range.base) / 2;
    const isOwn = Number.isInteger(index) && index >= 0 && index < pairsIn(range);
    return isOwn && this.#linkAt(index) === name ? index : undefined;
  }

  async #forward(): Promise<void> {
    const switchOn = '[ "$(cat "$1")" = 1 ] || echo 1 > "$1"';
    await this.#must(['sh', '-c', switchOn, 'sh', '/proc/sys/net/ipv4/ip_forward']);
  }

  /** Ports that a kept map leads stay: the table is made where it is not, its chains anew. */
  #rules(): string {
    const range = formatNetworkRange(this.#options.range);
    const table = `ip ${this.#table}`;
    const chains = ['arriving', 'local', 'leaving', 'between'];
    const leads = 'meta l4proto { tcp, udp } dnat to th dport map @ports';
    return [
      `add table ${table}`,
      `add map ${table} ports { type inet_service : ipv4_addr; }`,
      `add chain ${table} arriving { type nat hook prerouting priority dstnat; }`,
      `add chain ${table} local { type nat hook output priority -100; }`,
      `add chain ${table} leaving { type nat hook postrouting priority srcnat; }`,
      `add chain ${table} between { type filter hook forward priority filter; }`,
      ...chains.map((chain) => `flush chain ${table} ${chain}`),
      `add rule ${table} arriving fib daddr type local ${leads}`,
      `add rule ${table} local ip daddr != 127.0.0.0/8 fib daddr type local ${leads}`,
      `add rule ${table} leaving ip saddr ${range} ip daddr != ${range} masquerade`,
      // Tasks reach each other as anybody does: by the ports that lead to them.
      `add rule ${table} between ct status dnat accept`,
      `add rule ${table} between ip saddr ${range} ip daddr ${range} drop`,
      // From elsewhere an address of the range is answered to, and not asked.
      `add rule ${table} between ip daddr ${range} ct state new drop`,
      '',
    ].join('\n');
  }

  async #batch(program: 'ip' | 'tc', options: readonly string[], lines: string[]): Promise<void> {
    await this.#must([program, ...options, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  async #must(argv: readonly string[], input?: string): Promise<CommandResult> {
    const result = await this.#run(argv, input);
    if (result.code === 0) return result;
    throw new Error(`${argv.slice(0, 2).join(' ')}: ${result.stderr.trim()}`);
  }

  #run(argv: readonly string[], input?: string): Promise<CommandResult> {
    return runCommand([...this.#options.enterCommand, ...argv], {}, input);
  }
}

const hexOf = (address: number): string => address.toString(16).padStart(8, '0');
