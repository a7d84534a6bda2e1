// Owns the version of this release, as it is told to others: that of the package.json at the top.
export const RELEASE_VERSION = '0.1.0';
