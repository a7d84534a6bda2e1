// Decides which nats-server versions are good enough for what. Pure: text in, decision out.
// It does not look for servers and runs nothing.

/** The version that the project is developed and measured against. */
export const REFERENCE_VERSION = '2.15.1';

/** From here on everything that the design uses exists (per-message TTL, atomic batches, delete markers). */
export const PRODUCTION_FLOOR = '2.11.0';

/** The oldest version that the compatibility tests run against; anything older is refused. */
export const COMPATIBILITY_FLOOR = '2.10.27';

/** @typedef {'reference' | 'compatibility'} NatsTier */
/** @typedef {'production' | 'compatibility' | 'refused'} Standing */

/**
 * Reads the upstream version out of `nats-server --version` or a Debian version such as `1:2.10.27-1+b2`.
 * A pre-release suffix is dropped: a release candidate stands where its release will stand.
 * @param {string} text
 * @returns {string | undefined} `major.minor.patch`, or undefined where there is none
 */
export function readVersion(text) {
  const found = /(?:^|[\sv:])(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?!\d)/.exec(text);
  return found ? `${Number(found[1])}.${Number(found[2])}.${Number(found[3])}` : undefined;
}

/**
 * @param {string} left `major.minor.patch`
 * @param {string} right `major.minor.patch`
 * @returns {number} below zero when left is older, zero when equal, above zero when left is newer
 */
export function compareVersions(left, right) {
  const leftParts = left.split('.').map(Number);
  const rightParts = right.split('.').map(Number);
  for (let index = 0; index < 3; index += 1) {
    const difference = (leftParts[index] || 0) - (rightParts[index] || 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * @param {string} version `major.minor.patch`
 * @returns {Standing}
 */
export function standingOf(version) {
  if (compareVersions(version, PRODUCTION_FLOOR) >= 0) return 'production';
  if (compareVersions(version, COMPATIBILITY_FLOOR) >= 0) return 'compatibility';
  return 'refused';
}

/**
 * Whether a server of this version is what a tier asks for. The compatibility tier wants exactly the old
 * line, because its tests are about what that line lacks.
 * @param {string} version
 * @param {NatsTier} tier
 */
export function servesTier(version, tier) {
  const standing = standingOf(version);
  return tier === 'reference' ? standing === 'production' : standing === 'compatibility';
}
