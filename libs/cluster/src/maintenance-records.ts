// Owns the records of maintenance in the master's state: windows, and what frameworks were asked about them.
import type { MaintenanceState } from '@parley/lifecycle/transitions';
import type { FrameworkRef, PrincipalName, WindowId } from '@parley/protocol/ids';
import type { InverseOfferAnswer, MaintenanceWindow } from '@parley/protocol/maintenance';

/** A maintenance window that is not over. */
export type MaintenanceRecord = Omit<MaintenanceWindow, 'graceMs'> & {
  readonly graceMs?: number | undefined;
  readonly state: MaintenanceState;
  /** As it was asked for: an operator may begin it earlier. */
  readonly asked: MaintenanceWindow;
  /** Who scheduled it. */
  readonly by: PrincipalName;
  /** Core time of its next turn, if the wall clock agrees then. */
  readonly dueAtMs: number;
};

/** What a framework was asked, and has answered last, about the agents of a window on which it has something. */
export type InverseOfferRecord = {
  readonly windowId: WindowId;
  readonly framework: FrameworkRef;
  /** How many. */
  readonly agents: number;
  readonly answer?: InverseOfferAnswer['answer'];
  readonly reason?: string;
};
