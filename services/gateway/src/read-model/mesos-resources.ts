// Owns the two forms in which Mesos tells resources: a list of them (in its v1 interface, and in the fields of its pages
// that end in `_full`), and sums by name (its pages). Amounts are in whole units there.
import type { VolumeId } from '@parley/protocol/ids';
import { MILLI, type PortRange, type Resources } from '@parley/protocol/resources';
import { normaliseRanges } from '@parley/resources/port-ranges';
import { mesosReservation, namedVolume } from '../mesos/reservation-identity.ts';
import { merge, type Part } from './parts.ts';

export type MesosResource = {
  readonly name: string;
  readonly type: 'SCALAR' | 'RANGES' | 'SET';
  readonly scalar?: { readonly value: number };
  readonly ranges?: { readonly range: readonly { readonly begin: number; readonly end: number }[] };
  readonly set?: { readonly item: readonly string[] };
  readonly role: string;
  readonly [more: string]: unknown;
};

/** As Mesos's own pages have them: `role` and `reservation` as of old, and `reservations` as of late. Alike ones are summed. */
export const mesosResources = (parts: readonly Part[]): MesosResource[] =>
  merge(parts).flatMap(ofPart);

function ofPart(part: Part): MesosResource[] {
  const { scalars, ports, sets } = part.resources;
  const common = commonOf(part);
  const list: MesosResource[] = [];
  for (const [name, amount] of Object.entries(scalars)) {
    list.push({ name, type: 'SCALAR', scalar: { value: amount / MILLI }, ...common });
  }
  if (ports.length > 0) {
    const range = ports.map(([begin, end]) => ({ begin, end }));
    list.push({ name: 'ports', type: 'RANGES', ranges: { range }, ...common });
  }
  for (const [name, item] of Object.entries(sets)) {
    list.push({ name, type: 'SET', set: { item }, ...common });
  }
  return list;
}

const UNRESERVED = { role: '*' } as const;

function commonOf({ reservation, volumeId, isRevocable, role }: Part) {
  if (reservation === undefined && isRevocable === undefined && role === undefined) {
    return UNRESERVED;
  }
  return {
    ...(reservation === undefined ? UNRESERVED : reservationOf(reservation)),
    ...(volumeId !== undefined && { disk: diskInfo(volumeId, reservation) }),
    ...(isRevocable === true && { revocable: {} }),
    ...(role !== undefined && { allocation_info: { role } }),
  };
}

type Reservation = NonNullable<Part['reservation']>;

function reservationOf({ reservationId, role, labels, by }: Reservation) {
  const { type, principal, labels: shown } = mesosReservation({ reservationId, role, labels });
  if (type === 'STATIC') return { role, reservations: [{ type, role }] };
  const owner = principal === undefined ? principalOf(by) : { principal };
  const info = { ...owner, ...(shown !== undefined && { labels: shown }) };
  return { role, reservation: info, reservations: [{ type: 'DYNAMIC', role, ...info }] };
}

/** Who made it: `operator:olga`, or a framework: `alice/web`. */
function principalOf(by: string): { readonly principal?: string } {
  const [, operator] = /^operator:(.+)$/.exec(by) ?? [];
  const [, framework] = /^([^/:]+)\/[^/]+$/.exec(by) ?? [];
  const principal = operator ?? framework;
  return principal === undefined ? {} : { principal };
}

function diskInfo(volumeId: VolumeId, reservation: Reservation | undefined) {
  const { persistenceId, containerPath } = namedVolume(volumeId);
  return {
    persistence: { id: persistenceId, ...principalOf(reservation?.by ?? '') },
    volume: { container_path: containerPath, mode: 'RW' },
  };
}

export type Sums = Readonly<Record<string, number | string>>;

const NOTHING: Sums = Object.freeze({ cpus: 0, disk: 0, gpus: 0, mem: 0 });

/** By name; what may be taken back under a name of its own, as `cpus_revocable`. Ports as `[31000-31009]`, sets as `{a, b}`. */
export function sumsOf(parts: readonly Part[]): Sums {
  if (parts.length === 0) return NOTHING;
  const milli: Record<string, number> = { cpus: 0, disk: 0, gpus: 0, mem: 0 };
  for (const { resources, isRevocable } of parts) {
    for (const name in resources.scalars) {
      const key = isRevocable === true ? `${name}_revocable` : name;
      milli[key] = (milli[key] ?? 0) + (resources.scalars[name] ?? 0);
    }
  }
  const sums: Record<string, number | string> = {};
  for (const name in milli) sums[name] = (milli[name] ?? 0) / MILLI;
  return Object.assign(sums, portsOf(parts), setsOf(parts));
}

function portsOf(parts: readonly Part[]): { ports?: string } {
  const ports = parts.flatMap(({ resources }) => resources.ports);
  if (ports.length === 0) return {};
  return { ports: `[${normaliseRanges(ports).map(rangeText).join(', ')}]` };
}

function setsOf(parts: readonly Part[]): Record<string, string> {
  const sets: Record<string, string[]> = {};
  for (const { resources } of parts) {
    for (const name in resources.sets) {
      sets[name] = [...(sets[name] ?? []), ...(resources.sets[name] ?? [])];
    }
  }
  const texts = Object.entries(sets).map(([name, items]) => [name, `{${items.join(', ')}}`]);
  return Object.fromEntries(texts);
}

const rangeText = ([begin, end]: PortRange): string => `${begin}-${end}`;

/** Of scalars alone, in thousandths. */
export const sumsOfScalars = (scalars: Resources['scalars']): Sums =>
  sumsOf([{ resources: { scalars, ports: [], sets: {} } }]);
