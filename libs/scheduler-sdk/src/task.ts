// Owns describing tasks and amounts the way people write them: cpus 0.1, mem '32MiB', a shell line as command.
// Placing and launching is elsewhere; what does not parse here is a defect of the caller and throws.
import type { Outcome } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskLimits } from '@parley/protocol/task-limits';
import { TaskDescription, type TaskDescriptionInput } from '@parley/protocol/tasks';
import { parsePorts, parseScalar } from '@parley/resources/parse';
import { normalise } from '@parley/resources/resources';
import { restOf, takeFrom } from './offer-rest.ts';

/** Launches of one accept (AcceptRequest). */
const MAX_TAKEN = 1024;

export type ResourceSpec = {
  /** CPUs: 0.1 or '0.1'. */
  readonly cpus?: number | string;
  /** With a unit ('32MiB', '1.5GiB'); a bare number is MiB. */
  readonly mem?: number | string;
  readonly disk?: number | string;
  readonly gpus?: number | string;
  /** With a unit ('100Mbit', '1.5Gbit'); a bare number is Mbit/s. */
  readonly networkBandwidth?: number | string;
  /** '31000-31009' or '8080'. */
  readonly ports?: string;
};

/** How far a task may go beyond its amounts, written like them; not below. */
export type LimitSpec = {
  /** CPU time; without it a task has what is idle, shared by `cpus`. */
  readonly cpus?: number | string;
  /** `'infinity'`: all that its host has. Without it a task has its `mem`. */
  readonly mem?: number | string;
  /** Of its sandbox; `'infinity'`: none. Without it a task has its `disk`, and no limit where it asks for none. */
  readonly disk?: number | string;
  /** Processes and threads at a time. */
  readonly pids?: number;
  /** Of the disk of its agent: bytes and operations per second, and a weight. */
  readonly io?: TaskLimits['io'];
  /** Its `cpus`, a whole number, are its own. */
  readonly pinCpus?: boolean;
};

export type TaskSpec = ResourceSpec &
  Pick<
    TaskDescriptionInput,
    | 'uris'
    | 'inputs'
    | 'outputs'
    | 'killGraceMs'
    | 'name'
    | 'priority'
    | 'network'
    | 'devices'
    | 'hostVolumes'
    | 'user'
    | 'image'
  > & {
    /** 1 to 64 of A-Z a-z 0-9 _ - ; never used again within the framework. */
    readonly id: string;
    /** An array is run as it is; a string by `sh -c`. */
    readonly command: string | readonly string[];
    /** It may be killed at any time (reason `revoked`): it takes its amounts from the revocable part of an offer. */
    readonly revocable?: boolean;
    readonly environment?: Readonly<Record<string, string>>;
    readonly limits?: LimitSpec;
  };

/** Throws with a message that names what does not parse. */
export function resources(spec: ResourceSpec): Resources {
  const { cpus, mem, disk, gpus, networkBandwidth, ports } = spec;
  const stated = { cpus, mem, disk, gpus, network_bandwidth: networkBandwidth };
  const scalars: Record<string, number> = {};
  for (const [name, amount] of Object.entries(stated)) {
    if (amount === undefined) continue;
    const field = name === 'network_bandwidth' ? 'networkBandwidth' : name;
    scalars[name] = expectValue(field, parseScalar(name, String(amount)));
  }
  const ranges = ports === undefined ? [] : expectValue('ports', parsePorts(ports));
  return normalise({ scalars, ports: ranges });
}

/** Throws with a message that names what does not parse. */
export function limits({ cpus, mem, disk, pids, io, pinCpus }: LimitSpec): TaskLimits {
  const limit = (name: 'cpus' | 'mem' | 'disk', amount: number | string) =>
    amount === 'infinity'
      ? amount
      : expectValue(`limits.${name}`, parseScalar(name, String(amount)));
  return {
    ...(cpus !== undefined && { cpus: limit('cpus', cpus) }),
    ...(mem !== undefined && { mem: limit('mem', mem) }),
    ...(disk !== undefined && { disk: limit('disk', disk) }),
    ...(pids !== undefined && { pids }),
    ...(io !== undefined && { io }),
    ...(pinCpus !== undefined && { pinCpus }),
  };
}

/** Throws with a message that names the field that is not valid. */
export function task(spec: TaskSpec): TaskDescription {
  const { id, name, command, environment, killGraceMs, priority, revocable } = spec;
  const { uris, image, inputs, outputs, network, user, devices, hostVolumes } = spec;
  const argv = typeof command === 'string' ? ['sh', '-c', command] : [...command];
  const parsed = TaskDescription.safeParse({
    taskId: id,
    name,
    resources: resources(spec),
    command: { argv, environment },
    uris,
    image,
    inputs,
    outputs,
    killGraceMs,
    priority,
    revocable,
    network,
    user,
    devices,
    hostVolumes,
    ...(spec.limits !== undefined && { limits: limits(spec.limits) }),
  });
  if (!parsed.success) throw new TypeError(describeIssues(`task ${id}`, parsed.error));
  return parsed.data;
}

function expectValue<T>(field: string, outcome: Outcome<T>): T {
  if (!outcome.ok) throw new TypeError(`${field}: ${outcome.failure.message}`);
  return outcome.value;
}

/** Takes tasks off the front of the queue as long as they fit into the offer together. */
export function takeFitting(offer: Offer, queue: TaskDescription[]): TaskDescription[] {
  const taken: TaskDescription[] = [];
  let rest = restOf(offer);
  for (let next = queue[0]; next !== undefined && taken.length < MAX_TAKEN; next = queue[0]) {
    const left = takeFrom(rest, next);
    if (left === undefined) break;
    rest = left;
    queue.shift();
    taken.push(next);
  }
  return taken;
}
