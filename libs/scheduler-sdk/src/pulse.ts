// Owns two times of a session: when its next heartbeat is due, and since when the leader has been silent.

/** Leader heartbeats that may be missing before the session asks by a resync whether it still exists. */
const SILENT_HEARTBEATS = 3;

export class Pulse {
  #intervalMs = 5000;
  #beatDueMs = 0;
  #silenceDueMs = 0;

  /** A session begins: the first heartbeat is due at once. */
  begin(intervalMs: number, nowMs: number): void {
    this.#intervalMs = intervalMs;
    this.#beatDueMs = nowMs;
    this.heard(nowMs);
  }

  heard(nowMs: number): void {
    this.#silenceDueMs = nowMs + SILENT_HEARTBEATS * this.#intervalMs;
  }

  /** Then at the latest. */
  beatSoon(nowMs: number): void {
    this.#beatDueMs = Math.min(this.#beatDueMs, nowMs);
  }

  /** True when a heartbeat is to be sent now; the next one is due an interval later. */
  beat(nowMs: number): boolean {
    if (nowMs < this.#beatDueMs) return false;
    this.#beatDueMs = nowMs + this.#intervalMs;
    return true;
  }

  /** True once for each stretch of silence. */
  isLeaderSilent(nowMs: number): boolean {
    if (nowMs < this.#silenceDueMs) return false;
    this.heard(nowMs);
    return true;
  }

  get nextMs(): number {
    return Math.min(this.#beatDueMs, this.#silenceDueMs);
  }
}
