// Owns where the services and frameworks of this clone are and how they are started: as child processes of their
// entry files, the same way as in a deployment. No code of theirs is imported.
import path from 'node:path';
import type { AgentShare } from './host-shares.ts';
import type { Isolation } from './isolation-choice.ts';

export const SERVICES = ['master', 'allocator', 'agent'] as const;
export type ServiceName = (typeof SERVICES)[number];
/** What `parley NAME` becomes. */
export type RunnableName = ServiceName | 'gateway';
export type EntryName = RunnableName | 'framework-batch' | 'framework-mapreduce';

const entryFile = (clone: string, name: EntryName): string =>
  path.join(clone, 'services', name, 'src', 'main.ts');

/** The Node that runs this process, with the service's entry file. */
export const entryArgv = (clone: string, name: EntryName): string[] => [
  process.execPath,
  entryFile(clone, name),
];

export type BusPlace = {
  readonly url: string;
  readonly cluster: string;
  readonly credentialFile: string;
};

export const busArguments = ({ url, cluster, credentialFile }: BusPlace): string[] => [
  '--nats',
  url,
  '--creds',
  credentialFile,
  '--cluster',
  cluster,
];

export type MasterChoices = {
  /** Absolute: services are not started where the command was typed. */
  readonly authorizationFile?: string | undefined;
  readonly offerTimeoutMs?: number | undefined;
  readonly outstandingCapPercent?: number | undefined;
};

/** What is not chosen is the master's own default. */
export function masterArguments(choices: MasterChoices): string[] {
  const options = [
    ['--authorization', choices.authorizationFile],
    ['--offer-timeout-ms', choices.offerTimeoutMs],
    ['--outstanding-cap', choices.outstandingCapPercent],
  ] as const;
  return options.flatMap(([option, value]) => (value === undefined ? [] : [option, String(value)]));
}

/** What is not chosen is the allocator's own default. */
export const allocatorArguments = (choices: {
  readonly allocationIntervalMs?: number | undefined;
}): string[] =>
  choices.allocationIntervalMs === undefined
    ? []
    : ['--allocation-interval', `${choices.allocationIntervalMs}ms`];

export type AgentPlace = {
  readonly share: AgentShare;
  readonly workDirectory: string;
  readonly isolation: Isolation;
  /** Where the clusters of this machine keep everything, credentials among it. */
  readonly clustersDirectory: string;
  readonly clone: string;
  /** State directory of the private systemd. */
  readonly systemdDirectory: string;
};

export function agentArguments({
  share,
  workDirectory,
  isolation,
  systemdDirectory,
  clustersDirectory,
  clone,
}: AgentPlace): string[] {
  const [begin, end] = share.ports;
  return [
    ...['--id', share.id],
    ...['--work-dir', workDirectory],
    ...['--cpus', String(share.cpuMillis / 1000)],
    ...['--mem', `${share.memoryMib}MiB`],
    ...['--disk', `${share.diskMib}MiB`],
    // The agents share one link, which each of them would offer whole; their tasks talk over the loopback anyway.
    ...['--network-bandwidth', '0'],
    ...['--ports', `${begin}-${end}`],
    ...isolationArguments(isolation, systemdDirectory),
    ...['--confine-hide', clustersDirectory, '--confine-show', clone],
  ];
}

function isolationArguments(isolation: Isolation, systemdDirectory: string): string[] {
  switch (isolation.kind) {
    case 'process':
      return ['--isolation', 'process'];
    case 'private-systemd':
      return ['--private-systemd', systemdDirectory];
    case 'system-systemd':
    case 'user-systemd':
      return [];
  }
}
