// Owns reading what the command line says about the host: its fault domain, and how much of it is offered. What is left out
// is asked of the host in config.ts. Failures are `malformed` and name the option.
import type { RegisterRequest } from '@parley/protocol/agents';
import { Domain } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import {
  parseAmount,
  parseBandwidth,
  parseMemory,
  parsePorts,
  parseScalars,
} from '@parley/resources/parse';
import { add, normalise } from '@parley/resources/resources';
import type { StatedResources, SystemReserve } from './host-resources.ts';
import type { IdleLendingOptions } from './idle-estimator.ts';
import { DEFAULT_QOS_LIMITS, type QosLimits } from './qos-controller.ts';

const LEND_AFTER_MS = 60_000;

type Text = string | undefined;
type DomainOptions = { readonly region?: Text; readonly zone?: Text };
type SystemReserveOptions = { readonly 'system-reserve'?: Text };
type QosOptions = { readonly 'qos-memory-pressure'?: Text; readonly 'qos-cpu-pressure'?: Text };
type ReserveOptions = { readonly reserve?: readonly string[] | undefined };
type OversubscriptionOptions = {
  readonly oversubscribe?: Text;
  readonly 'oversubscribe-after'?: Text;
  readonly isolation?: Text;
};
type ResourceOptions = {
  readonly cpus?: Text;
  readonly mem?: Text;
  readonly disk?: Text;
  readonly gpus?: Text;
  readonly 'network-bandwidth'?: Text;
  readonly ports?: Text;
};

export type HostOptions = {
  readonly domain: Domain | undefined;
  readonly stated: StatedResources;
  /** Of what the host has; what is stated is offered whole. */
  readonly systemReserve: SystemReserve;
  /** What may be offered as revocable; undefined where that is estimated. */
  readonly revocable: Resources | undefined;
  /** How it is estimated from what tasks use. */
  readonly idleLending: IdleLendingOptions | undefined;
  readonly reserved: Reserved;
  readonly qos: QosLimits;
};
type Reserved = RegisterRequest['reserved'];

export function readHostOptions(
  options: DomainOptions &
    ResourceOptions &
    OversubscriptionOptions &
    ReserveOptions &
    SystemReserveOptions &
    QosOptions,
): Outcome<HostOptions> {
  const domain = readDomain(options);
  if (!domain.ok) return domain;
  const stated = readResources(options);
  if (!stated.ok) return stated;
  const lent = readOversubscription(options);
  if (!lent.ok) return lent;
  const systemReserve = readSystemReserve(options);
  if (!systemReserve.ok) return systemReserve;
  const qos = readQos(options);
  if (!qos.ok) return qos;
  const reserved = readReserved(options);
  if (!reserved.ok) return reserved;
  return succeed({
    ...{ domain: domain.value, stated: stated.value },
    ...{ ...lent.value, reserved: reserved.value },
    ...{ systemReserve: systemReserve.value, qos: qos.value },
  });
}

/** For all roles together. */
export function allOf(reserved: Reserved): Resources {
  const parts = Object.values(reserved ?? {}).map((scalars) => normalise({ scalars }));
  return parts.reduce(add, NO_RESOURCES);
}

/** Mesos: resources with a role in the agent's `--resources`. */
function readReserved({ reserve = [] }: ReserveOptions): Outcome<Reserved> {
  const reserved = new Map<RoleName, Quantities>();
  for (const text of reserve) {
    const [name = '', amounts, ...more] = text.split(':');
    const role = RoleName.safeParse(name);
    if (!role.success || role.data === '*' || amounts === undefined || more.length > 0) {
      return fail(
        'malformed',
        `--reserve ${text} is not ROLE:NAME=AMOUNT,...; "*" is no role to reserve for`,
      );
    }
    if (reserved.has(role.data)) return fail('malformed', `--reserve: role ${name} is named twice`);
    const scalars = parseScalars(amounts);
    if (!scalars.ok) return fail('malformed', `--reserve: ${scalars.failure.message}`);
    reserved.set(role.data, scalars.value);
  }
  return succeed(reserved.size === 0 ? undefined : Object.fromEntries(reserved));
}

/** Both or none. */
function readDomain({ region, zone }: DomainOptions): Outcome<Domain | undefined> {
  if (region === undefined && zone === undefined) return succeed(undefined);
  if (region === undefined || zone === undefined) {
    return fail('malformed', '--region and --zone: an agent names both or none');
  }
  const domain = Domain.safeParse({ region, zone });
  return domain.success
    ? succeed(domain.data)
    : fail('malformed', '--region and --zone have 1 to 64 characters');
}

/** Mesos: the "fixed" resource estimator, or one that goes by what is used. */
function readOversubscription({
  oversubscribe: text,
  'oversubscribe-after': after,
  isolation,
}: OversubscriptionOptions): Outcome<Pick<HostOptions, 'revocable' | 'idleLending'>> {
  const [, margin] = /^(\d{1,2})%$/.exec(text ?? '') ?? [];
  if (margin !== undefined) {
    if (isolation === 'process')
      return fail('malformed', '--oversubscribe with a margin measures scopes: not with processes');
    if (after !== undefined && !/^[1-9]\d{0,4}$/.test(after))
      return fail('malformed', '--oversubscribe-after takes whole seconds from 1');
    const afterMs = after === undefined ? LEND_AFTER_MS : Number(after) * 1000;
    const idleLending = { marginPercent: Number(margin), afterMs };
    return succeed({ revocable: undefined, idleLending });
  }
  if (after !== undefined)
    return fail('malformed', '--oversubscribe-after goes with a margin, --oversubscribe 20%');
  if (text === undefined) return succeed({ revocable: NO_RESOURCES, idleLending: undefined });
  const scalars = parseScalars(text);
  if (!scalars.ok) return fail('malformed', `--oversubscribe: ${scalars.failure.message}`);
  const revocable = normalise({ scalars: scalars.value });
  return succeed({ revocable, idleLending: undefined });
}

function readSystemReserve({
  'system-reserve': text,
}: SystemReserveOptions): Outcome<SystemReserve> {
  if (text === undefined) return succeed({});
  const scalars = parseScalars(text);
  if (!scalars.ok) return fail('malformed', `--system-reserve: ${scalars.failure.message}`);
  const { cpus, mem, disk, ...others } = scalars.value;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    return fail('malformed', `--system-reserve: ${other}: cpus, mem and disk can be reserved`);
  }
  return succeed({
    ...(cpus !== undefined && { cpus }),
    ...(mem !== undefined && { mem }),
    ...(disk !== undefined && { disk }),
  });
}

function readQos(options: QosOptions): Outcome<QosLimits> {
  const limits = { ...DEFAULT_QOS_LIMITS };
  for (const [option, name] of [
    ['qos-memory-pressure', 'memory'],
    ['qos-cpu-pressure', 'cpu'],
  ] as const) {
    const text = options[option];
    if (text === undefined) continue;
    if (!/^(100|\d{1,2})$/.test(text))
      return fail('malformed', `--${option} takes a percentage from 0 to 100`);
    limits[name] = Number(text);
  }
  return succeed(limits);
}

function readResources(values: ResourceOptions): Outcome<StatedResources> {
  const stated: { -readonly [Name in keyof StatedResources]: StatedResources[Name] } = {};
  const options = [
    ['cpus', 'cpus', parseAmount],
    ['mem', 'mem', parseMemory],
    ['disk', 'disk', parseMemory],
    ['gpus', 'gpus', parseAmount],
    ['network-bandwidth', 'networkBandwidth', parseBandwidth],
  ] as const;
  for (const [option, name, parse] of options) {
    const text = values[option];
    if (text === undefined) continue;
    const amount = parse(text);
    if (!amount.ok) return fail('malformed', `--${option}: ${amount.failure.message}`);
    stated[name] = amount.value;
  }
  if (values.ports !== undefined) {
    const ports = parsePorts(values.ports);
    if (!ports.ok) return fail('malformed', `--ports: ${ports.failure.message}`);
    stated.ports = ports.value;
  }
  return succeed(stated);
}
