// Owns how a reservation and a volume of ours are known to Mesos's frameworks, and back. Mesos knows a reservation by its
// role, principal and labels, ours has an id; Mesos tells the path of a volume with it, ours is a task's to say. Pure.
import { createHash } from 'node:crypto';
import { STATIC_RESERVATION } from '@parley/cluster/reservations';
import { ReservationId, VolumeId } from '@parley/protocol/ids';
import { foreignIdOf, isDigest, ownIdOf } from './foreign-id.ts';
import type { Reservation } from './mesos-types.ts';
import { mesosLabels, ownLabels, Untranslatable } from './mesos-values.ts';

/** Among the labels of ours: the principal that Mesos's reservation names. */
const PRINCIPAL_LABEL = 'mesos.principal';
/** Among Mesos's labels: the id of a reservation that no Mesos framework made. */
const ID_LABEL = 'parley.reservation';

type OwnReservation = {
  readonly reservationId: ReservationId;
  readonly role: string;
  readonly labels: Readonly<Record<string, string>>;
};

export function ownReservation(reservation: Reservation): OwnReservation {
  const { type, role = '*', principal, labels } = reservation;
  if (type === 'STATIC') {
    return { reservationId: ReservationId.parse(STATIC_RESERVATION), role, labels: {} };
  }
  const { [ID_LABEL]: named, ...rest } = ownLabels(labels, 'reservation.labels');
  const own = { ...rest, ...(principal !== undefined && { [PRINCIPAL_LABEL]: principal }) };
  if (named === undefined) return { reservationId: idOf(own), role, labels: own };
  const reservationId = ReservationId.safeParse(named);
  if (reservationId.success) return { reservationId: reservationId.data, role, labels: own };
  throw new Untranslatable(`reservation.labels: ${ID_LABEL} names no reservation`);
}

export function mesosReservation({ reservationId, role, labels }: OwnReservation): Reservation {
  if (reservationId === STATIC_RESERVATION) return { type: 'STATIC', role };
  const { [PRINCIPAL_LABEL]: principal, ...rest } = labels;
  const named = reservationId === idOf(labels) ? rest : { ...rest, [ID_LABEL]: reservationId };
  const shown = mesosLabels(named);
  return {
    type: 'DYNAMIC',
    role,
    ...(principal !== undefined && { principal }),
    ...(shown !== undefined && { labels: shown }),
  };
}

const DIGEST_LETTERS = 27;

/** The same for the same principal and labels, in whatever order they come. */
function idOf(labels: Readonly<Record<string, string>>): ReservationId {
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  const digest = createHash('sha256').update(JSON.stringify(sorted)).digest('base64url');
  return ReservationId.parse(`mesos-${digest.slice(0, DIGEST_LETTERS)}`);
}

export type NamedVolume = { readonly persistenceId: string; readonly containerPath: string };

/** Between the parts of a name; in neither of them. */
const SEPARATOR = '\u0000';

export function ownVolumeId({ persistenceId, containerPath }: NamedVolume): VolumeId {
  const name =
    persistenceId === containerPath
      ? persistenceId
      : `${persistenceId}${SEPARATOR}${containerPath}`;
  const id = ownIdOf(name);
  if (!isDigest(id) && name !== '' && !persistenceId.includes(SEPARATOR)) return VolumeId.parse(id);
  throw new Untranslatable(
    'disk.persistence.id: with volume.container_path it is longer than what can be kept (about 55 letters)',
  );
}

export function namedVolume(volumeId: VolumeId): NamedVolume {
  const [persistenceId = '', ...path] = foreignIdOf(volumeId).split(SEPARATOR);
  return { persistenceId, containerPath: path.length === 0 ? persistenceId : path.join(SEPARATOR) };
}
