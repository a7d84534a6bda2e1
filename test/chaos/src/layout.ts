// Owns who takes part in a run and where: each process that may be harmed is on a host of its own, which has a name and
// an address. Pure; making the hosts is network.ts.
import { ClusterName, PrincipalName } from '@parley/protocol/ids';

export const CLUSTER = ClusterName.parse('chaos');
export const PRINCIPALS = ['alice', 'bob'].map((name) => PrincipalName.parse(name));

export const MASTERS = ['master-1', 'master-2'] as const;
export const ALLOCATORS = ['allocator-1', 'allocator-2'] as const;
export const NODES = ['n1', 'n2', 'n3'] as const;
/** Where the lab itself is: it looks on, and is never harmed. */
export const LAB = 'lab';
export const OPERATOR = 'olga';
/** Clients go to the proxy before each node. */
export const PROXY_PORT = 4223;
const FRAMEWORK_COUNT = 3;
const FIRST_ADDRESS = 10;

export type Kind = 'master' | 'allocator' | 'agent' | 'framework' | 'node' | 'lab';
export type Host = { readonly name: string; readonly kind: Kind; readonly address: string };
export type Layout = {
  readonly hosts: readonly Host[];
  readonly agents: readonly string[];
  readonly frameworks: readonly string[];
};

/** The run's id stands in the agents' ids: what they leave in the machine's cgroups can be told from what others leave. */
export function layoutOf(run: string, agentCount: number): Layout {
  const agents = numbered('a', agentCount).map((name) => `${name}-${run}`);
  const frameworks = numbered('f', FRAMEWORK_COUNT);
  const kinds: [Kind, readonly string[]][] = [
    ['lab', [LAB]],
    ['node', NODES],
    ['master', MASTERS],
    ['allocator', ALLOCATORS],
    ['framework', frameworks],
    ['agent', agents],
  ];
  const named = kinds.flatMap(([kind, names]) => names.map((name) => ({ kind, name })));
  const hosts = named.map((host, index) => ({
    ...host,
    address: `10.77.0.${FIRST_ADDRESS + index}`,
  }));
  return { hosts, agents, frameworks };
}

export function hostNamed({ hosts }: Layout, name: string): Host {
  const host = hosts.find((one) => one.name === name);
  if (host === undefined) throw new Error(`there is no host ${name}`);
  return host;
}

export const hostsOfKind = ({ hosts }: Layout, kind: Kind): readonly Host[] =>
  hosts.filter((host) => host.kind === kind);

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
