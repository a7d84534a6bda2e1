// Owns offers, needs and wants for tests of placement, by hand and drawn at random. It tests nothing itself.
import type { Domain } from '@parley/protocol/constraints';
import { ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import fc from 'fast-check';
import { type ResourceSpec, resources } from '../task.ts';
import type { Want } from './strategy.ts';
import type { TaskNeed } from './task-need.ts';

export type OfferSketch = ResourceSpec & {
  readonly id?: string;
  readonly agent?: string;
  readonly host?: string;
  readonly role?: string;
  readonly domain?: Domain;
  readonly revocable?: ResourceSpec;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly executors?: readonly string[];
  readonly reservations?: readonly (ResourceSpec & {
    readonly id: string;
    readonly role: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly volumes?: readonly string[];
  })[];
};

export function anOffer(sketch: OfferSketch): Offer {
  const { agent = 'a1' } = sketch;
  return Offer.parse({
    offerId: sketch.id ?? `o-${agent}`,
    agentId: agent,
    hostname: sketch.host ?? `host-${agent}`,
    role: sketch.role ?? 'batch',
    resources: resources(sketch),
    domain: sketch.domain,
    ...(sketch.revocable && { revocable: resources(sketch.revocable) }),
    attributes: sketch.attributes ?? {},
    executors: sketch.executors ?? [],
    reservations: (sketch.reservations ?? []).map(({ id, role, labels, volumes, ...amounts }) => ({
      reservationId: id,
      role,
      labels: labels ?? {},
      resources: resources(amounts),
      volumes: (volumes ?? []).map((volumeId) => ({ volumeId, mib: 1 })),
    })),
  });
}

export type NeedSketch = ResourceSpec & Omit<TaskNeed, 'resources'>;

export function aNeed(sketch: NeedSketch): TaskNeed {
  const { cpus, mem, disk, gpus, networkBandwidth, ports, ...rest } = sketch;
  const amounts = Object.entries({ cpus, mem, disk, gpus, networkBandwidth, ports });
  const given = Object.fromEntries(amounts.filter(([, value]) => value !== undefined));
  return { ...rest, resources: resources(given) };
}

export function aWant(key: string, need: NeedSketch, rest: Partial<Want> = {}): Want {
  return { key, needs: [aNeed(need)], group: '', near: {}, ...rest };
}

export const role = (name: string): RoleName => RoleName.parse(name);
export const reservation = (id: string): ReservationId => ReservationId.parse(id);
export const volume = (id: string): VolumeId => VolumeId.parse(id);

const ZONES = ['z1', 'z2', 'z3'];
const AGENTS = ['a1', 'a2', 'a3', 'a4'];

const amounts = (max: number): fc.Arbitrary<Resources> =>
  fc
    .record({
      cpus: fc.integer({ min: 0, max }),
      mem: fc.integer({ min: 0, max }),
      first: fc.integer({ min: 1, max: 60_000 }),
      ports: fc.integer({ min: 0, max: 4 }),
    })
    .map(({ cpus, mem, first, ports }) => ({
      scalars: { cpus, mem },
      ports: ports === 0 ? [] : [[first, first + ports - 1]],
      sets: {},
    }));

/** Each agent has one zone; several offers of an agent hold different ports. */
export const arbitraryOffers: fc.Arbitrary<Offer[]> = fc
  .array(
    fc.record({
      agent: fc.constantFrom(...AGENTS),
      role: fc.constantFrom('batch', 'web'),
      resources: amounts(8),
      reserved: fc.option(amounts(8), { nil: undefined }),
      reservedFor: fc.constantFrom('batch', 'web', 'other'),
      isLabelled: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((sketches) =>
    sketches.map((sketch, index) => {
      const { agent, resources: free, reserved, reservedFor, isLabelled } = sketch;
      return Offer.parse({
        ...anOffer({ id: `o${index}`, agent, role: sketch.role }),
        attributes: { zone: ZONES[AGENTS.indexOf(agent) % ZONES.length] },
        resources: shifted(free, index),
        reservations: reserved
          ? [
              {
                reservationId: `r-${agent}-${index}`,
                role: reservedFor,
                labels: isLabelled ? { purpose: 'other' } : {},
                resources: { ...reserved, ports: [] },
              },
            ]
          : [],
      });
    }),
  );

/** Ports of different offers do not meet. */
function shifted(resources: Resources, index: number): Resources {
  const ports = resources.ports.map(([begin, end]): [number, number] => {
    const first = 1 + (begin % 500) + index * 1000;
    return [first, first + end - begin];
  });
  return { ...resources, ports };
}

export const arbitraryWants: fc.Arbitrary<Want[]> = fc
  .array(
    fc.record({
      needs: fc.array(
        fc.record({
          resources: amounts(4).map((all) => ({ ...all, ports: [] })),
          portCount: fc.integer({ min: 0, max: 2 }),
        }),
        { minLength: 1, maxLength: 2 },
      ),
      zones: fc.option(fc.subarray(ZONES, { minLength: 1 }), { nil: undefined }),
      role: fc.option(fc.constantFrom('batch', 'web'), { nil: undefined }),
      near: fc.subarray(AGENTS),
      group: fc.constantFrom('g1', 'g2'),
      waitedMs: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
    }),
    { maxLength: 10 },
  )
  .map((sketches) =>
    sketches.map(({ needs, zones, role: wantedRole, near, group, waitedMs }, index) => ({
      key: `w${index}`,
      group,
      near: { agentId: near },
      waitingSinceMs: waitedMs === undefined ? undefined : NOW_MS - waitedMs,
      needs: needs.map((need) => ({
        ...need,
        ...(zones && { where: [{ name: 'zone', operator: 'in' as const, values: zones }] }),
        ...(wantedRole !== undefined && { role: role(wantedRole) }),
      })),
    })),
  );

export const NOW_MS = 1000;
