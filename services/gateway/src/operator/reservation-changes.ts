// Owns what Mesos's calls about reservations and volumes are here. How a reservation of Mesos is named here is the same as
// for frameworks (mesos/reservation-identity.ts).
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, RoleName, type VolumeId } from '@parley/protocol/ids';
import type { OperatorOperateRequest } from '@parley/protocol/operators';
import { MILLI, Resources } from '@parley/protocol/resources';
import { normalise, sum } from '@parley/resources/resources';
import { Untranslatable } from '../mesos/mesos-values.ts';
import { ownReservation, ownVolumeId } from '../mesos/reservation-identity.ts';
import type { MesosResourceField } from './call-shapes.ts';
import type { LeaderCall } from './leader-calls.ts';

type Owner = ReturnType<typeof ownReservation> & { readonly role: RoleName };
type Operation = OperatorOperateRequest['operation'];

export type ReservationCall = {
  readonly agentId: AgentId;
  readonly resources: readonly MesosResourceField[];
};

function ownerOf({ role, reservation, reservations }: MesosResourceField): Owner {
  const asked = reservations.at(-1) ?? { ...(role && { role }), ...reservation };
  if (asked.type === 'STATIC') {
    throw new Untranslatable('A static reservation is changed in the configuration of its agent');
  }
  const own = ownReservation(asked);
  if (own.role === '*') {
    throw new Untranslatable('A reservation must be for a role other than "*"');
  }
  return { ...own, role: RoleName.parse(own.role) };
}

/** Those of one reservation together. */
function byOwner(
  resources: readonly MesosResourceField[],
): { readonly owner: Owner; readonly own: MesosResourceField[] }[] {
  const groups = new Map<string, { readonly owner: Owner; readonly own: MesosResourceField[] }>();
  for (const resource of resources) {
    const owner = ownerOf(resource);
    const key = `${owner.role} ${owner.reservationId}`;
    const group = groups.get(key) ?? { owner, own: [] };
    group.own.push(resource);
    groups.set(key, group);
  }
  if (groups.size === 0) throw new Untranslatable('No resources are named');
  return [...groups.values()];
}

function amountsOf(resources: readonly MesosResourceField[]): Resources {
  const parts = resources.map(({ name, scalar, ranges, set }) => {
    if (ranges !== undefined && name !== 'ports') {
      throw new Untranslatable(`Ranges are of ports only: '${name}' has none`);
    }
    const part = Resources.safeParse({
      ...(scalar !== undefined && { scalars: { [name]: scalar.value } }),
      ...(ranges !== undefined && { ports: ranges.range.map(({ begin, end }) => [begin, end]) }),
      ...(set !== undefined && { sets: { [name]: set.item } }),
    });
    if (part.success) return normalise(part.data);
    throw new Untranslatable(`The resource '${name}' is not valid`);
  });
  return sum(parts);
}

const operate = (agentId: AgentId, { role }: Owner, operation: Operation): LeaderCall => ({
  verb: 'operate',
  body: { agentId, role, operation },
});

/** Fails with `malformed` where it is not a reservation or volume that can be. */
function translated(callsOf: () => LeaderCall[]): Outcome<LeaderCall[]> {
  try {
    const calls = callsOf();
    return calls.length === 0 ? fail('malformed', 'No volumes are named') : succeed(calls);
  } catch (error) {
    if (error instanceof Untranslatable) return fail('malformed', error.message);
    throw error;
  }
}

/** RESERVE_RESOURCES. */
export const reserveCalls = ({ agentId, resources }: ReservationCall): Outcome<LeaderCall[]> =>
  translated(() =>
    byOwner(resources).map(({ owner, own }) => {
      const { reservationId, labels } = owner;
      const what = { reservationId, resources: amountsOf(own), labels: { ...labels } };
      return operate(agentId, owner, { kind: 'reserve', ...what });
    }),
  );

/** UNRESERVE_RESOURCES. */
export const unreserveCalls = ({ agentId, resources }: ReservationCall): Outcome<LeaderCall[]> =>
  translated(() =>
    byOwner(resources).map(({ owner, own }) => {
      const { reservationId } = owner;
      return operate(agentId, owner, {
        kind: 'unreserve',
        reservationId,
        resources: amountsOf(own),
      });
    }),
  );

/** CREATE_VOLUMES. */
export const createVolumeCalls = ({ agentId, resources }: ReservationCall): Outcome<LeaderCall[]> =>
  translated(() =>
    resources.map((resource) => {
      const owner = ownerOf(resource);
      const { volumeId, mib } = volumeOf(resource);
      const { reservationId } = owner;
      return operate(agentId, owner, { kind: 'createVolume', reservationId, volumeId, mib });
    }),
  );

/** DESTROY_VOLUMES. */
export const destroyVolumeCalls = ({
  agentId,
  resources,
}: ReservationCall): Outcome<LeaderCall[]> =>
  translated(() =>
    resources.map((resource) => {
      const { volumeId } = volumeOf(resource);
      return operate(agentId, ownerOf(resource), { kind: 'destroyVolume', volumeId });
    }),
  );

function volumeOf({ name, scalar, disk }: MesosResourceField): {
  readonly volumeId: VolumeId;
  readonly mib: number;
} {
  const persistenceId = disk?.persistence?.id;
  if (name !== 'disk' || scalar === undefined || persistenceId === undefined) {
    throw new Untranslatable('A persistent volume is disk with an id (disk.persistence.id)');
  }
  const mib = scalar.value / MILLI;
  if (!Number.isInteger(mib) || mib < 1) {
    throw new Untranslatable('A volume has a whole number of MiB here');
  }
  const containerPath = disk?.volume?.container_path ?? persistenceId;
  return { volumeId: ownVolumeId({ persistenceId, containerPath }), mib };
}
