// Owns the shapes of maintenance: windows in which agents are taken out of service, what operators ask about them, and
// what a framework answers to the inverse offer for them. Mesos docs, "Maintenance Primitives".
import * as z from 'zod';
import { AgentId, WindowId } from './ids.ts';

const DAY_MS = 24 * 3600 * 1000;
const MAX_WINDOW_AGENTS = 5000;

/**
 * Agents are offered no more from `noticeMs` before the start on, and frameworks with tasks there are told; at the start
 * they are emptied, and when the window is over they are offered again. Times of people: milliseconds since 1970.
 */
export const MaintenanceWindow = z.object({
  windowId: WindowId,
  agents: z
    .array(AgentId)
    .min(1)
    .max(MAX_WINDOW_AGENTS)
    .refine((agents) => new Set(agents).size === agents.length, 'names an agent twice'),
  startWallTimeMs: z.int().min(0),
  durationMs: z
    .int()
    .min(1000)
    .max(365 * DAY_MS),
  noticeMs: z
    .int()
    .min(0)
    .max(30 * DAY_MS)
    .default(900_000),
  /** Between asking a task to stop and killing it; absent: each task's own. */
  graceMs: z.int().min(0).max(DAY_MS).optional(),
  /** For people. */
  reason: z.string().max(256).default(''),
});
export type MaintenanceWindow = z.infer<typeof MaintenanceWindow>;

/** `start` and `stop` begin and end a window now; `cancel` is for one that has not begun. */
export const OperatorMaintenanceRequest = z.discriminatedUnion('change', [
  z.object({ change: z.literal('schedule'), window: MaintenanceWindow }),
  z.object({ change: z.enum(['cancel', 'start', 'stop']), windowId: WindowId }),
]);
export type OperatorMaintenanceRequest = z.infer<typeof OperatorMaintenanceRequest>;

/** Framework to leader: whether it frees the agents of the window by itself. Shown to operators, and nothing hangs on it. */
export const InverseOfferAnswer = z.object({
  windowId: WindowId,
  answer: z.enum(['accept', 'decline']),
  /** For people. */
  reason: z.string().max(256).optional(),
});
export type InverseOfferAnswer = z.infer<typeof InverseOfferAnswer>;
