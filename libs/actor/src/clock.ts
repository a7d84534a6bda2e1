// Owns the port of time for shells: cores get time in their inputs.

export interface Clock {
  /** Milliseconds of a clock that never goes back and starts anywhere. */
  nowMs(): number;
  /** Milliseconds since 1970, for people. */
  wallTimeMs(): number;
}
