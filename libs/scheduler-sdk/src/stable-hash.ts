// Owns a hash that is the same everywhere and always: for jitter and for ties that must not depend on chance. Not for secrets.
// Algorithm: FNV-1a, 32 bits (Fowler, Noll, Vo), with the final mix of MurmurHash3 so that short texts spread.

/** From 0 (inclusive) to 1 (exclusive); equal parts give equal numbers. */
export function stableFraction(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (const char of String(part))
      hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
    hash = Math.imul(hash ^ 0x1f, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
