// Owns what one task needs of the place where it runs, and what it was given there. Types only.
import type { Constraints } from '@parley/protocol/constraints';
import type { ExecutorId, ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';

export type TaskNeed = {
  readonly resources: Resources;
  /** So many ports, whichever are free, beside those that `resources` names. */
  readonly portCount?: number;
  /** Its scalars come from what is revocable, and nothing from reservations. */
  readonly isRevocable?: boolean;
  /** Only offers of this role; those of any role when left out. */
  readonly role?: RoleName;
  readonly where?: Constraints;
  /** Takes from this reservation and no other. Left out: from one without labels, or from what is not reserved. */
  readonly reservationId?: ReservationId;
  /** Persistent volumes that it mounts. */
  readonly volumes?: readonly VolumeId[];
  /** Its resources are needed once an agent, as long as the executor does not live there. */
  readonly executor?: { readonly executorId: ExecutorId; readonly resources: Resources };
};

/** What a task takes of a room: its resources with the ports chosen. */
export type Take = {
  readonly resources: Resources;
  readonly reservationId?: ReservationId;
};
