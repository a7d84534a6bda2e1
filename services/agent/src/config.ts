// Owns what the agent is told at its start: reads the command line, and asks the host for what was left out.
import { mkdirSync, realpathSync, statfsSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { readTlsOptions, TLS_OPTIONS, TLS_USAGE } from '@parley/actor/nats/tls-files';
import { type NetworkRange, parseNetworkRange } from '@parley/isolation/network-range';
import type { RegisterRequest } from '@parley/protocol/agents';
import type { Domain } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, ClusterName } from '@parley/protocol/ids';
import { Attributes } from '@parley/protocol/offers';
import { MILLI, type Resources } from '@parley/protocol/resources';
import { formatResources } from '@parley/resources/format';
import { parseMemory } from '@parley/resources/parse';
import { contains } from '@parley/resources/resources';
import {
  METRICS_OPTIONS,
  METRICS_USAGE,
  type MetricsPlace,
  readMetricsOptions,
} from '@parley/telemetry/metrics-server';
import {
  CONFINEMENT_OPTIONS,
  CONFINEMENT_USAGE,
  type ConfinementChoice,
  readConfinement,
} from './confinement-options.ts';
import type { ExecutorTiming } from './executors/executor-timing.ts';
import { type ExecutorEndpoint, readExecutorEndpoint } from './executors/mesos-environment.ts';
import {
  HOST_ACCESS_OPTIONS,
  HOST_ACCESS_USAGE,
  type HostAccessPolicy,
  readHostAccess,
} from './host-access-options.ts';
import { countGpus, HOST_FACT_FILES } from './host-facts.ts';
import { allOf, type HostOptions, readHostOptions } from './host-options.ts';
import { hostResources } from './host-resources.ts';
import type { IdleLendingOptions } from './idle-estimator.ts';
import {
  ISOLATION_MODES,
  type IsolationMode,
  LAUNCHERS,
  type LauncherChoice,
} from './isolation-setup.ts';
import { HOST_LINK_FILES, linkSpeedMbit } from './link-speed.ts';
import { defaultCacheBytes } from './object-cache.ts';
import type { QosLimits } from './qos-controller.ts';
import {
  readSandboxOptions,
  SANDBOX_OPTIONS,
  SANDBOX_USAGE,
  type SandboxLimits,
} from './sandbox-options.ts';

export type AgentConfig = {
  readonly identity: Identity;
  readonly agentId: AgentId;
  /** Absolute, and without links in it. */
  readonly workDirectory: string;
  readonly hostname: string;
  readonly total: Resources;
  /** Scalars that may be offered as revocable: a fixed figure, whatever is used; undefined where it is estimated. */
  readonly revocable: Resources | undefined;
  /** How that is estimated from what tasks use. */
  readonly idleLending: IdleLendingOptions | undefined;
  readonly qos: QosLimits;
  /** What it fails together with; undefined where it is not told. */
  readonly domain: Domain | undefined;
  /** What the command line says; what the host shows is in host-facts.ts. */
  readonly attributes: Attributes;
  /** Of its total, for one role and those below it alone. */
  readonly reserved: RegisterRequest['reserved'];
  readonly isolation: IsolationMode;
  readonly launcher: LauncherChoice;
  readonly privateSystemd: string | undefined;
  readonly confinement: ConfinementChoice;
  /** What lets the agent onto the bus. */
  readonly secretFiles: readonly string[];
  /** Addresses for tasks with a private network. */
  readonly taskNetwork: NetworkRange | undefined;
  readonly executorTiming: Partial<ExecutorTiming>;
  /** Where a gateway answers executors that were written for Mesos. */
  readonly executorEndpoint: ExecutorEndpoint | undefined;
  /** Of copies of objects in the work directory; 0: none are kept. */
  readonly objectCacheBytes: number;
  readonly sandboxes: SandboxLimits;
  /** What tasks may ask of this host. */
  readonly hostAccess: HostAccessPolicy;
  /** Where it tells what it measures of itself; undefined: nowhere. */
  readonly metrics: MetricsPlace | undefined;
};

export const USAGE = `parley agent --nats URL --creds FILE --cluster NAME --id ID --work-dir DIR
  --nats URL            the bus (else from the credential; several with commas)
  --creds FILE          the agent's credential
  --cluster NAME        the cluster (else from the credential)
  --id ID               the agent's id (else from the credential)
${TLS_USAGE}
  --work-dir DIR        where the agent keeps its tasks; the same at every start
  --cpus N --mem MiB --disk MiB --gpus N --ports BEGIN-END
                        what to offer, else what the host has
  --system-reserve NAME=AMOUNT,...
                        of what the host has, keep so much for its own services
                        ("cpus=0.5,mem=2GiB,disk=20GiB"); 1 GiB of memory and 5 GiB of disk
                        by default, half where there is little
  --network-bandwidth RATE
                        likewise, in Mbit/s or with a unit ("1Gbit"), else the speed of the
                        host's link where it is known; 0 for none
  --oversubscribe NAME=AMOUNT,...
                        offer so much, again, as revocable ("cpus=2,mem=1GiB"): what tasks have
                        been given and do not use; nothing by default
  --oversubscribe MARGIN%, --oversubscribe-after SECONDS
                        likewise, but measure it: what tasks have left idle for so long (60),
                        less a margin of what they have been given; it is taken back when they
                        want it. Needs scopes
  --qos-memory-pressure PERCENT, --qos-cpu-pressure PERCENT
                        end revocable tasks, one each ten seconds, while tasks of this host wait
                        for memory, or CPU, so much of the time; 0: never (10, and 0)
  --reserve ROLE:NAME=AMOUNT,...
                        for this role and those below it alone ("eng/db:cpus=2,mem=4GiB"); may
                        be repeated; only another start of the agent changes it
  --object-cache SIZE   at most so much of the disk for copies of objects that tasks read and
                        wrote, and of what was fetched for them; 0 for none (2GiB, or a tenth of the disk where that is less)
${SANDBOX_USAGE}  --region NAME --zone NAME
                        the fault domain: what this host fails together with; both or none
  --attribute KEY=VALUE a fact about this agent, shown in its offers; may be repeated. The
                        agent finds out os, kernel, cpu, cgroup and systemd by itself: another
                        value counts instead, an empty one leaves the fact out
  --isolation MODE      auto, systemd, user or process (no limits; only on request)
  --launcher WAY        auto, direct or systemd-run: how scopes are asked for
${CONFINEMENT_USAGE}
${HOST_ACCESS_USAGE}
  --task-network RANGE  addresses for tasks that ask for a private network ("10.88.0.0/16"): two a
                        task, for this agent alone, used nowhere else; without it no task has one
  --executor-registration-timeout SECONDS
                        from the start of an executor to its first word (60)
  --executor-return-timeout SECONDS
                        from its last word, or a restart of the agent, to its next (15)
${METRICS_USAGE}
  --executor-endpoint ADDRESS:PORT
                        where "parley gateway --for-agent" answers on this host: executors
                        that were written for Mesos are told it; without it none of them is heard
  --private-systemd DIR run tasks in the private systemd that is recorded there
  --emulate N           many agents that run nothing, for measurements: see --emulate N --help
`;

const OPTIONS = {
  nats: { type: 'string', multiple: true },
  creds: { type: 'string' },
  cluster: { type: 'string' },
  id: { type: 'string' },
  ...TLS_OPTIONS,
  'work-dir': { type: 'string' },
  cpus: { type: 'string' },
  mem: { type: 'string' },
  disk: { type: 'string' },
  gpus: { type: 'string' },
  'system-reserve': { type: 'string' },
  'network-bandwidth': { type: 'string' },
  ports: { type: 'string' },
  oversubscribe: { type: 'string' },
  'oversubscribe-after': { type: 'string' },
  'qos-memory-pressure': { type: 'string' },
  'qos-cpu-pressure': { type: 'string' },
  reserve: { type: 'string', multiple: true },
  'object-cache': { type: 'string' },
  ...SANDBOX_OPTIONS,
  region: { type: 'string' },
  zone: { type: 'string' },
  attribute: { type: 'string', multiple: true },
  isolation: { type: 'string', default: 'auto' },
  launcher: { type: 'string', default: 'auto' },
  ...CONFINEMENT_OPTIONS,
  ...HOST_ACCESS_OPTIONS,
  'task-network': { type: 'string' },
  'executor-registration-timeout': { type: 'string' },
  'executor-return-timeout': { type: 'string' },
  'executor-endpoint': { type: 'string' },
  'private-systemd': { type: 'string' },
  ...METRICS_OPTIONS,
} as const;
const MIB = 1024 * 1024;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/** Fails with `malformed` or what the credential file fails with; the message names the option. Makes the work directory. */
export function readConfig(argv: readonly string[]): Outcome<AgentConfig> {
  let values: Values;
  try {
    ({ values } = parseArgs({ args: [...argv], options: OPTIONS }));
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
  const identity = readIdentity(values);
  if (!identity.ok) return identity;
  const agentId = AgentId.safeParse(identity.value.actor.id);
  if (identity.value.actor.kind !== 'agent' || !agentId.success) {
    return fail('malformed', `--creds ${values.creds} is not the credential of an agent`);
  }
  const choice = readIsolation(values);
  if (!choice.ok) return choice;
  const { isolation } = choice.value;
  const executors = readExecutorOptions(values);
  if (!executors.ok) return executors;
  const attributes = readAttributes(values.attribute ?? []);
  if (!attributes.ok) return attributes;
  const told = readTold(values);
  if (!told.ok) return told;
  const workDirectory = makeWorkDirectory(values['work-dir']);
  if (!workDirectory.ok) return workDirectory;
  const host = hostSize(workDirectory.value);
  const objectCacheBytes = readCacheBytes(values['object-cache'], host.diskBytes);
  if (!objectCacheBytes.ok) return objectCacheBytes;
  const total = hostResources(host, told.value.stated, told.value.systemReserve);
  if (!contains(total, allOf(told.value.reserved))) {
    return fail('malformed', `--reserve: more than the agent has, ${formatResources(total)}`);
  }
  return succeed({
    identity: identity.value,
    agentId: agentId.data,
    workDirectory: workDirectory.value,
    hostname: hostname(),
    total,
    reserved: told.value.reserved,
    revocable: told.value.revocable,
    idleLending: told.value.idleLending,
    qos: told.value.qos,
    domain: told.value.domain,
    attributes: {
      ...attributes.value,
      ...(isolation === 'process' && { isolation: 'process' }),
    },
    ...choice.value,
    privateSystemd: values['private-systemd'],
    secretFiles: [values.creds, values['tls-key']].filter((file) => file !== undefined),
    ...executors.value,
    objectCacheBytes: objectCacheBytes.value,
    sandboxes: told.value.sandboxes,
    hostAccess: told.value.hostAccess,
    metrics: told.value.metrics,
  });
}

function readTold(
  values: Values,
): Outcome<HostOptions & Pick<AgentConfig, 'sandboxes' | 'hostAccess' | 'metrics'>> {
  const sandboxes = readSandboxOptions(values);
  if (!sandboxes.ok) return sandboxes;
  const hostAccess = readHostAccess(values);
  if (!hostAccess.ok) return hostAccess;
  const metrics = readMetricsOptions(values);
  if (!metrics.ok) return metrics;
  const host = readHostOptions(values);
  if (!host.ok) return host;
  return succeed({
    ...host.value,
    sandboxes: sandboxes.value,
    hostAccess: hostAccess.value,
    metrics: metrics.value,
  });
}

function readIsolation(
  values: Values,
): Outcome<Pick<AgentConfig, 'isolation' | 'launcher' | 'confinement' | 'taskNetwork'>> {
  const isolation = ISOLATION_MODES.find((mode) => mode === values.isolation);
  if (isolation === undefined) {
    return fail('malformed', `--isolation is one of ${ISOLATION_MODES.join(', ')}`);
  }
  const launcher = LAUNCHERS.find((way) => way === values.launcher);
  if (launcher === undefined) {
    return fail('malformed', `--launcher is one of ${LAUNCHERS.join(', ')}`);
  }
  const confinement = readConfinement(values);
  if (!confinement.ok) return confinement;
  const taskNetwork = readTaskNetwork(values['task-network']);
  return taskNetwork.ok
    ? succeed({
        isolation,
        launcher,
        confinement: confinement.value,
        taskNetwork: taskNetwork.value,
      })
    : taskNetwork;
}

function readTaskNetwork(text: string | undefined): Outcome<NetworkRange | undefined> {
  const range = text === undefined ? undefined : parseNetworkRange(text);
  return text === undefined || range !== undefined
    ? succeed(range)
    : fail('malformed', '--task-network takes a range of IPv4 from /8 to /30, as "10.88.0.0/16"');
}

function readCacheBytes(text: string | undefined, diskBytes: number): Outcome<number> {
  if (text === undefined) return succeed(defaultCacheBytes(diskBytes));
  const size = parseMemory(text);
  if (!size.ok) return fail('malformed', `--object-cache: ${size.failure.message}`);
  return succeed(Math.floor(size.value / MILLI) * MIB);
}

function readExecutorOptions(
  values: Values,
): Outcome<Pick<AgentConfig, 'executorTiming' | 'executorEndpoint'>> {
  const timing = readExecutorTiming(values);
  if (!timing.ok) return timing;
  const endpoint = readExecutorEndpoint(values['executor-endpoint']);
  if (!endpoint.ok) return endpoint;
  return succeed({ executorTiming: timing.value, executorEndpoint: endpoint.value });
}

function readExecutorTiming(values: Values): Outcome<Partial<ExecutorTiming>> {
  const timing: { registrationMs?: number; returnMs?: number } = {};
  const options = {
    registrationMs: 'executor-registration-timeout',
    returnMs: 'executor-return-timeout',
  } as const;
  for (const name of ['registrationMs', 'returnMs'] as const) {
    const text = values[options[name]];
    if (text === undefined) continue;
    const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (seconds === 0) return fail('malformed', `--${options[name]} takes whole seconds from 1`);
    timing[name] = seconds * 1000;
  }
  return succeed(timing);
}

function readIdentity(values: Values): Outcome<Identity> {
  const { creds, cluster, id, nats } = values;
  if (creds === undefined) return fail('malformed', '--creds FILE is needed');
  const clusterName = cluster === undefined ? undefined : ClusterName.safeParse(cluster);
  if (clusterName?.success === false) return fail('malformed', '--cluster is no cluster name');
  const agentId = id === undefined ? undefined : AgentId.safeParse(id);
  if (agentId?.success === false) return fail('malformed', '--id is no agent id');
  const tls = readTlsOptions(values);
  if (!tls.ok) return tls;
  return readCredentialFile(creds, {
    ...(tls.value && { tls: tls.value }),
    ...(clusterName && { cluster: clusterName.data }),
    ...(agentId && { actor: { kind: 'agent', id: agentId.data } }),
    ...(nats !== undefined &&
      nats.length > 0 && { servers: nats.flatMap((urls) => urls.split(',')) }),
  });
}

function readAttributes(pairs: readonly string[]): Outcome<Attributes> {
  const entries = pairs.map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 1 ? [] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  const wrong = entries.findIndex((entry) => entry.length === 0);
  if (wrong >= 0) return fail('malformed', `--attribute ${pairs[wrong]} is not KEY=VALUE`);
  const attributes = Attributes.safeParse(Object.fromEntries(entries));
  return attributes.success
    ? succeed(attributes.data)
    : fail('malformed', '--attribute: a key has 1 to 64 characters, a value at most 1024');
}

function makeWorkDirectory(directory: string | undefined): Outcome<string> {
  if (directory === undefined) return fail('malformed', '--work-dir DIR is needed');
  const workDirectory = path.resolve(directory);
  try {
    mkdirSync(workDirectory, { recursive: true });
    return succeed(realpathSync(workDirectory));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail('malformed', `--work-dir ${workDirectory} cannot be made: ${why}`);
  }
}

function hostSize(workDirectory: string): Parameters<typeof hostResources>[0] {
  const disk = statfsSync(workDirectory);
  return {
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    linkMbit: linkSpeedMbit(HOST_LINK_FILES),
    gpus: countGpus(HOST_FACT_FILES),
  };
}
