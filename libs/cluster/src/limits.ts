// Owns the bounds of the state that are no settings: what would otherwise grow with what strangers ask for.

/** Registered, unreachable: all that are known. What a leader does for so many is in infra/docs/scaling.md. */
export const MAX_AGENTS = 250_000;
/** Before rules version 6. */
export const MAX_AGENTS_BEFORE = 100_000;
/** Subscribed, disconnected, or removed with tasks that have not ended. */
export const MAX_FRAMEWORKS = 20_000;
/** The leader's own updates that wait for being written; beyond it accepts are refused as `overloaded`. */
export const MAX_UNWRITTEN = 100_000;
/** Of one task whose agent comes and goes while its stream takes nothing: it is not called unreachable again. */
export const MAX_UNWRITTEN_PER_TASK = 32;
/** Request sessions of one caller; the one that was used least recently goes first. */
export const MAX_SESSIONS_PER_CALLER = 64;
/** A request session that was idle for so long (core time) is forgotten with its answers. */
export const REQUEST_SESSION_IDLE_MS = 3_600_000;
/** Estimated bytes of offers in one message; far below what the bus carries, as an offer may be badly estimated. */
export const OFFERS_MESSAGE_BYTES = 256 * 1024;
/** Estimated bytes of events in one message. */
export const EVENTS_MESSAGE_BYTES = 256 * 1024;
/** All agents together send at most so many heartbeats a second, as far as the longest interval allows. */
export const HEARTBEATS_PER_SECOND = 500;
/** Before rules version 6. */
export const HEARTBEATS_PER_SECOND_BEFORE = 2000;
export const MAX_AGENT_HEARTBEAT_INTERVAL_MS = 25_000;
/** How long tasks wait for their framework's scheduler where the books that knew its own failover timeout are lost: a week. */
export const ADOPTED_FAILOVER_MS = 7 * 24 * 3_600_000;
/** Longest message in a status update. */
export const MAX_UPDATE_MESSAGE_LENGTH = 4096;
/** Tasks in one answer to an implicit reconciliation. */
export const RECONCILE_PAGE = 512;
/** Of a task's message in such an answer: 1,024 tasks must fit into one that the bus carries. */
export const MAX_STATUS_MESSAGE_LENGTH = 200;
/** Roles of which something is set that is not the default. */
export const MAX_ROLE_SETTINGS = 20_000;
/** Likewise frameworks. */
export const MAX_FRAMEWORK_SETTINGS = 20_000;
/** Told in one answer: whoever made more mistakes at once begins with these. */
export const MAX_TOLD_PROBLEMS = 10;
/** Maintenance windows that are not over. */
export const MAX_MAINTENANCE_WINDOWS = 1000;
/** On one agent, over all roles; beyond it reserving fails. */
export const MAX_RESERVATIONS_PER_AGENT = 256;
/** Of one reservation. */
export const MAX_VOLUMES_PER_RESERVATION = 256;
/** How long what an operator took for a reservation is kept from the framework that was offered it. */
export const TAKEN_BY_OPERATOR_REFUSE_MS = 5000;
/** Of the agent's total, in thousandths: a smaller change of what is revocable makes no entry, unless it is short. */
export const REVOCABLE_STEP_PERMILLE = 50;
