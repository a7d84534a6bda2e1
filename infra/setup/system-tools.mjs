// Looks for the host's programs that running tasks in systemd scopes needs, and names the package of each that is
// missing. As root on a Debian-like host it installs them; elsewhere it says what to do and leaves the choice
// of an isolation to the start, because a host may well be used without scopes.
import { existsSync, readdirSync } from 'node:fs';
import { describeHost } from './debian-packages.mjs';
import { SetupFailure } from './setup-failure.mjs';
import { findCommand, lastWords, runBriefly } from './system-commands.mjs';

const APT_LIMIT_MS = 600_000;

/** Program to Debian package; other distributions use the same upstream names (systemd, util-linux). */
const NEEDED = new Map([
  ['systemd-run', 'systemd'],
  ['systemctl', 'systemd'],
  ['nsenter', 'util-linux'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['mount', 'mount'],
  ['bwrap', 'bubblewrap'],
]);

/**
 * @param {(command: string) => string | undefined} find
 * @param {ReadonlyMap<string, string>} [needed] program to package; those of scopes when left out
 * @returns {string[]} the packages of the programs that are missing, each once
 */
export function missingPackages(find, needed = NEEDED) {
  const packages = [...needed].filter(([command]) => find(command) === undefined);
  return [...new Set(packages.map(([, name]) => name))];
}

/**
 * @param {{ env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {void}
 * @throws {SetupFailure} when the packages are missing and installing them failed
 */
export function ensureSystemTools({ env, log }) {
  const packages = missingPackages((command) => findCommand(command, env));
  if (packages.length === 0) return;
  const isRoot = process.getuid !== undefined && process.getuid() === 0;
  if (!isRoot || !describeHost(env).family) {
    const remedy = `install ${packages.join(' and ')} with this system's package manager`;
    log(`note: tasks cannot run in systemd scopes here: ${remedy}, or use --isolation process`);
    return;
  }
  installPackages({ packages, purpose: 'tasks run in systemd scopes', env, log });
}

/** The framework in another language that the documentation shows, and a test runs, is written in Python. */
const PYTHON = '/usr/bin/python3';
const PYTHON_PACKAGES = ['python3', 'python3-msgpack', 'python3-nacl'];

/**
 * For the tests only: what the documentation's example in another language needs.
 * @param {{ env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {void}
 * @throws {SetupFailure} when the packages are missing and installing them failed
 */
export function ensureOtherLanguage({ env, log }) {
  if (runBriefly(PYTHON, ['-c', 'import msgpack, nacl'], { env, timeoutMs: 20_000 }).ok) return;
  const isRoot = process.getuid !== undefined && process.getuid() === 0;
  if (!isRoot || !describeHost(env).family) {
    log(
      `note: the test of a framework in Python needs ${PYTHON_PACKAGES.join(', ')}: install them`,
    );
    return;
  }
  const purpose = 'a test runs a framework that is written in Python';
  installPackages({ packages: PYTHON_PACKAGES, purpose, env, log });
}

/**
 * @param {{ packages: string[], purpose: string, env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {void}
 * @throws {SetupFailure} when they cannot be installed
 */
export function installPackages({ packages, purpose, env, log }) {
  const quietEnv = { ...env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const settings = { env: quietEnv, timeoutMs: APT_LIMIT_MS };
  if (!hasPackageLists()) {
    log("fetching this machine's Debian package lists (about 9 MB) from its configured mirror");
    runBriefly('apt-get', ['update'], settings);
  }
  const install = ['install', '--no-install-recommends'];
  const asked = runBriefly('apt-get', [...install, '--assume-no', ...packages], settings);
  const size = /Need to get ([^.]*?(?:\.\d+)? [kMG]?B)/.exec(asked.stdout);
  log(
    `installing ${packages.join(' and ')} (${size ? size[1] : 'size unknown'}) from this machine's ` +
      `configured package mirror: ${purpose}`,
  );
  const installed = runBriefly('apt-get', [...install, '--yes', ...packages], settings);
  if (installed.ok) return;
  throw new SetupFailure({
    what: `${packages.join(' and ')} could not be installed`,
    why: lastWords(installed.stderr),
    remedy: `run "apt-get update && apt-get install ${packages.join(' ')}", then the same command again`,
  });
}

/** @returns {boolean} whether apt has any list to look a package up in */
function hasPackageLists() {
  const folder = '/var/lib/apt/lists';
  return existsSync(folder) && readdirSync(folder).some((name) => name.includes('_Packages'));
}
