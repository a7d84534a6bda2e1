// Owns how times read. Pure: now is given.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "5 d 3 h". */
export function showDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 10 * SECOND) return `${Math.round(ms / 100) / 10} s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR) return pair(ms, [MINUTE, 'min'], [SECOND, 's']);
  if (ms < DAY) return pair(ms, [HOUR, 'h'], [MINUTE, 'min']);
  return pair(ms, [DAY, 'd'], [HOUR, 'h']);
}

function pair(
  ms: number,
  [large, largeName]: readonly [number, string],
  [small, smallName]: readonly [number, string],
): string {
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

/** "now", "12 s ago", "in 3 min": whole seconds, so that a row does not flicker. */
export function showAgo(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (Math.abs(ms) < SECOND) return 'now';
  const whole = showDuration(Math.floor(Math.abs(ms) / SECOND) * SECOND);
  return ms > 0 ? `${whole} ago` : `in ${whole}`;
}

/** "14:03:21" in the reader's zone, or in UTC. */
export const showClock = (wallTimeMs: number, isUtc: boolean): string => {
  const date = new Date(wallTimeMs);
  return isUtc ? date.toISOString().slice(11, 19) : date.toTimeString().slice(0, 8);
};

export const showIso = (wallTimeMs: number): string => new Date(wallTimeMs).toISOString();
