// Owns the hosts of a run as network namespaces on a bridge that is in a namespace of its own: made, cut off, heard or
// not heard, and removed. Namespaces and links carry the run's id, so two runs do not meet.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { runCommand, SYSTEM_PATH } from '@parley/isolation/run-command';
import type { Layout } from './layout.ts';

/** Stands before the run's id in the name of each namespace. */
const NAMESPACE_PREFIX = 'parley-chaos-';
export const NAMESPACES_DIRECTORY = '/run/netns';
const BRIDGE = 'bridge';
/** Inside the namespace of a host. */
const LINK = 'eth0';

export type Direction = 'in' | 'out';

export const namespaceOf = (run: string, host: string): string =>
  `${NAMESPACE_PREFIX}${run}-${host}`;

/** Put before a command, runs it on the host; the process becomes the command. `ip netns exec` would hide the cgroups. */
export const enterHost = (run: string, host: string): readonly string[] => [
  'nsenter',
  `--net=${NAMESPACES_DIRECTORY}/${namespaceOf(run, host)}`,
  '--',
];

/** Throws when a step fails; what was made until then is left for `removeNetwork`. */
export async function makeNetwork(run: string, { hosts }: Layout): Promise<void> {
  const bridge = namespaceOf(run, BRIDGE);
  await must(['ip', 'netns', 'add', bridge]);
  await ip(bridge, ['link', 'add', BRIDGE, 'type', 'bridge']);
  await ip(bridge, ['link', 'set', BRIDGE, 'up']);
  for (const [index, { name, address }] of hosts.entries()) {
    const host = namespaceOf(run, name);
    const port = portOf(run, index);
    await must(['ip', 'netns', 'add', host]);
    await must([
      ...['ip', 'link', 'add', port, 'netns', bridge, 'type', 'veth'],
      ...['peer', 'name', LINK, 'netns', host],
    ]);
    await ip(bridge, ['link', 'set', port, 'master', BRIDGE, 'up']);
    await ip(host, ['address', 'add', `${address}/24`, 'dev', LINK]);
    await ip(host, ['link', 'set', LINK, 'up']);
    await ip(host, ['link', 'set', 'lo', 'up']);
  }
}

/** As a cable that is pulled, and put in again. */
export async function setLink(
  run: string,
  { hosts }: Layout,
  host: string,
  state: 'up' | 'down',
): Promise<void> {
  const index = hosts.findIndex(({ name }) => name === host);
  await ip(namespaceOf(run, BRIDGE), ['link', 'set', portOf(run, index), state]);
}

/** Packets of one direction are dropped, and nobody is told. */
export async function cutOneWay(run: string, host: string, direction: Direction): Promise<void> {
  const [hook, field] = direction === 'in' ? ['input', 'iifname'] : ['output', 'oifname'];
  const rules = `table inet ${tableOf(direction)} { chain cut { type filter hook ${hook} priority 0; ${field} "${LINK}" drop; }; }`;
  await nft(run, host, `${rules}\n`);
}

/** May be called again. */
export const endCut = (run: string, host: string, direction: Direction): Promise<void> =>
  nft(run, host, `table inet ${tableOf(direction)} { }\ndelete table inet ${tableOf(direction)}\n`);

const tableOf = (direction: Direction): string => `chaos_${direction}`;

/** Pids of all that runs on a host of the run, the lab included. */
export async function pidsOf(run: string, host: string): Promise<readonly number[]> {
  return pidsIn(namespaceOf(run, host));
}

/** Ends everything on one host, but leaves the host. */
export const endHost = (run: string, host: string): Promise<void> =>
  endAll([namespaceOf(run, host)]);

/** Ends everything on the hosts of the run and removes them. Does nothing where there is nothing. */
export async function removeNetwork(run: string): Promise<void> {
  const prefix = `${NAMESPACE_PREFIX}${run}-`;
  const names = (await namespaces()).filter((name) => name.startsWith(prefix));
  await endAll(names);
  for (const name of names) await must(['ip', 'netns', 'delete', name]);
}

/** The ids of runs that have namespaces. */
export async function runsWithNetwork(): Promise<readonly string[]> {
  const runs = (await namespaces())
    .filter((name) => name.startsWith(NAMESPACE_PREFIX))
    .map((name) => name.slice(NAMESPACE_PREFIX.length).split('-')[0] ?? '');
  return [...new Set(runs)];
}

const KILL_ROUNDS = 100;
const KILL_PAUSE_MS = 50;

/** Again and again: what is being started meanwhile is found by the next look. */
async function endAll(names: readonly string[]): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const pids = (await Promise.all(names.map(pidsIn))).flat();
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, KILL_PAUSE_MS));
  }
  throw new Error(`processes in ${names.join(', ')} do not end`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself in between.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function pidsIn(namespace: string): Promise<readonly number[]> {
  const { code, stdout } = await runCommand(['ip', 'netns', 'pids', namespace]);
  return code === 0 ? stdout.split('\n').filter(Boolean).map(Number) : [];
}

async function namespaces(): Promise<readonly string[]> {
  try {
    return await readdir(NAMESPACES_DIRECTORY);
  } catch {
    // There has never been one on this machine.
    return [];
  }
}

/** At most 15 characters, as the kernel wants it. */
const portOf = (run: string, index: number): string => `pc${run}p${index}`;

const ip = (namespace: string, words: readonly string[]): Promise<void> =>
  must(['ip', '-netns', namespace, ...words]);

async function must(argv: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr.trim()}`);
}

async function nft(run: string, host: string, text: string): Promise<void> {
  const [program = '', ...rest] = [...enterHost(run, host), 'nft', '--file', '-'];
  const child = spawn(program, rest, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: SYSTEM_PATH },
  });
  const said: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  child.stdin.end(text);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`nft on ${host}: ${said.join('').trim()}`);
}
