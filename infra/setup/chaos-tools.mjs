// Looks for what the chaos lab (test/chaos) needs of the host beside what scopes need: the programs that make hosts and cut
// links, and the library that shifts clocks. As root on a Debian-like host it installs what is missing; elsewhere it says so
// and leaves it at that: the lab says itself why it does not run.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeHost } from './debian-packages.mjs';
import { findCommand } from './system-commands.mjs';
import { installPackages, missingPackages } from './system-tools.mjs';

const LIBRARIES = '/usr/lib';
const FAKETIME = 'libfaketimeMT.so.1';
const FAKETIME_PACKAGE = 'libfaketime';

/** Program to Debian package. */
const NEEDED = new Map([
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
]);

/**
 * @param {{ env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {void}
 * @throws {import('./setup-failure.mjs').SetupFailure} when the packages are missing and installing them failed
 */
export function ensureChaosTools({ env, log }) {
  const packages = missingPackages((command) => findCommand(command, env), NEEDED);
  if (findFaketime() === undefined) packages.push(FAKETIME_PACKAGE);
  if (packages.length === 0) return;
  const isRoot = process.getuid !== undefined && process.getuid() === 0;
  if (!isRoot || !describeHost(env).family) {
    log(`note: the chaos lab cannot run here: it needs root and ${packages.join(', ')}`);
    return;
  }
  installPackages({ packages, purpose: 'the chaos lab cuts links and shifts clocks', env, log });
}

/**
 * @param {string} [libraries] where the folders of libraries are
 * @returns {string | undefined} path of the library that shifts a process's clock
 */
export function findFaketime(libraries = LIBRARIES) {
  if (!existsSync(libraries)) return undefined;
  const folders = readdirSync(libraries, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(libraries, name, 'faketime', FAKETIME));
  return folders.find((file) => existsSync(file));
}
