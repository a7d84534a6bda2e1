// Finds a nats-server to run, and fetches one where there is none: PARLEY_NATS_SERVER, PATH, this clone's cache
// (.parley/tools), the system's package manager, the official release. Everything fetched stays inside the clone.
// It starts no server; libs/nats-server does. How packages and releases are fetched is next door.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  candidateVersion,
  describeHost,
  findMirror,
  openSuite,
  unpackPackage,
} from './debian-packages.mjs';
import {
  COMPATIBILITY_FLOOR,
  compareVersions,
  PRODUCTION_FLOOR,
  REFERENCE_VERSION,
  readVersion,
  servesTier,
  standingOf,
} from './nats-version.mjs';
import { fetchRelease, PINNED_RELEASES, releasePlatform } from './official-release.mjs';
import { SetupFailure } from './setup-failure.mjs';
import { findCommand, isExecutableFile, lastWords, runBriefly } from './system-commands.mjs';

const DEFAULT_CACHE = fileURLToPath(new URL('../../.parley/tools', import.meta.url));
const CACHE_PREFIX = 'nats-server-';

/** In a cached version's folder: it is of the old line and was taken because nothing newer could be had. */
const STAND_IN_MARK = 'taken-as-reference';

/** @typedef {import('./nats-version.mjs').NatsTier} NatsTier */

/**
 * @typedef {object} FoundServer
 * @property {string} path absolute
 * @property {string} version `major.minor.patch`
 * @property {string} origin where it was found, in words
 * @property {string} [warning] what is missing in this version
 */

/**
 * @typedef {object} Search
 * @property {NatsTier} tier
 * @property {NodeJS.ProcessEnv} env
 * @property {string} cacheDir
 * @property {(line: string) => void} log
 */

/**
 * Finds a nats-server of a tier, fetching it when this host has none.
 * @param {{ tier?: NatsTier, env?: NodeJS.ProcessEnv, cacheDir?: string, log?: (line: string) => void }} [options]
 *   tier: `reference` is 2.11 or newer; `compatibility` is the old line from 2.10.27, always fetched or cached;
 *   log: takes one line for every download
 * @returns {Promise<FoundServer>}
 * @throws {SetupFailure} when none can be had, with every way that was tried
 */
export async function locateNatsServer(options = {}) {
  const search = {
    tier: options.tier || 'reference',
    env: options.env || process.env,
    cacheDir: options.cacheDir || DEFAULT_CACHE,
    log: options.log || ((line) => void process.stderr.write(`${line}\n`)),
  };
  return findInstalled(search) || (await fetchServer(search));
}

/**
 * Looks without fetching.
 * @param {Search} search
 * @returns {FoundServer | undefined}
 */
function findInstalled(search) {
  if (search.tier === 'compatibility') return findCached(search);
  return findNamed(search.env) || findInPath(search.env) || findCached(search);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {FoundServer | undefined}
 */
function findNamed(env) {
  const path = env['PARLEY_NATS_SERVER'];
  if (path === undefined || path === '') return undefined;
  const what = `PARLEY_NATS_SERVER is ${path}, which cannot be used`;
  const remedy = `set it to a nats-server of ${PRODUCTION_FLOOR} or newer, or unset it to have one found`;
  if (!isExecutableFile(path)) {
    throw new SetupFailure({ what, why: 'it is not an executable file', remedy });
  }
  const asked = runBriefly(path, ['--version']);
  const version = readVersion(asked.stdout);
  if (version === undefined) {
    const why = `"${path} --version" gives no version: ${lastWords(asked.stderr || asked.stdout)}`;
    throw new SetupFailure({ what, why, remedy });
  }
  const standing = standingOf(version);
  if (standing === 'refused') {
    const why = `it is ${version}, and nothing older than ${COMPATIBILITY_FLOOR} is supported`;
    throw new SetupFailure({ what, why, remedy });
  }
  return withWarning({ path, version, origin: 'PARLEY_NATS_SERVER' });
}

/**
 * A server in PATH that is too old is passed over: the user did not ask for it by name.
 * @param {NodeJS.ProcessEnv} env
 * @returns {FoundServer | undefined}
 */
function findInPath(env) {
  const path = findCommand('nats-server', env);
  if (path === undefined) return undefined;
  const version = readVersion(runBriefly(path, ['--version']).stdout);
  if (version === undefined || !servesTier(version, 'reference')) return undefined;
  return { path, version, origin: 'PATH' };
}

/**
 * @param {Search} search
 * @returns {FoundServer | undefined} the newest cached server that serves the tier
 */
function findCached({ tier, cacheDir }) {
  if (!existsSync(cacheDir)) return undefined;
  const versions = readdirSync(cacheDir)
    .filter((name) => name.startsWith(CACHE_PREFIX))
    .map((name) => name.slice(CACHE_PREFIX.length))
    .filter((version) => readVersion(version) === version)
    .sort(compareVersions)
    .reverse();
  for (const version of versions) {
    const folder = join(cacheDir, `${CACHE_PREFIX}${version}`);
    const path = join(folder, 'nats-server');
    const serves = servesTier(version, tier) || existsSync(join(folder, STAND_IN_MARK));
    if (serves && isExecutableFile(path)) {
      return withWarning({ path, version, origin: 'the cache of this clone' }, tier);
    }
  }
  return undefined;
}

/**
 * Tries every source in turn.
 * @param {Search} search
 * @returns {Promise<FoundServer>}
 */
async function fetchServer(search) {
  search.log(
    `no nats-server of ${wanted(search.tier)} is here; fetching one into ${search.cacheDir}`,
  );
  /** @type {string[]} */
  const reasons = [];
  for (const source of sourcesFor(search)) {
    const workDir = mkdtempSync(join(tmpdir(), 'parley-nats-server-'));
    // apt reads and writes here as a user of its own.
    chmodSync(workDir, 0o755);
    try {
      const fetched = await source.fetch(workDir);
      return keep({ search, fetched, origin: source.name });
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      reasons.push(`${source.name}: ${error.what} (${error.why})`);
      search.log(`  not from ${source.name}: ${error.what} (${error.why})`);
    } finally {
      rmSync(workDir, { recursive: true, force: true });
    }
  }
  throw new SetupFailure({
    what: `no nats-server of ${wanted(search.tier)} could be found or fetched`,
    why: ['nothing that was tried worked', ...reasons].join('\n          - '),
    remedy:
      `install nats-server ${REFERENCE_VERSION} (${PRODUCTION_FLOOR} at the least) and set ` +
      'PARLEY_NATS_SERVER to its path',
  });
}

/** @param {NatsTier} tier */
function wanted(tier) {
  return tier === 'reference'
    ? `${PRODUCTION_FLOOR} or newer`
    : `the compatibility tier (${COMPATIBILITY_FLOOR} up to, not including, ${PRODUCTION_FLOOR})`;
}

/**
 * @param {Search} search
 * @returns {{ name: string, fetch: (workDir: string) => Promise<string> | string }[]} in the order of preference
 */
function sourcesFor(search) {
  const host = describeHost(search.env);
  const sources = [];
  if (host.family) {
    const name = "this machine's package sources";
    sources.push({
      name,
      fetch: (/** @type {string} */ workDir) =>
        takePackage({ search, name, workDir, aptArgs: [], tiers: [search.tier] }),
    });
  }
  for (const suite of host.debian ? suitesFor(search.tier) : []) {
    const name = `Debian ${suite}`;
    /** @type {NatsTier[]} */
    const tiers = suite === 'trixie' ? ['reference', 'compatibility'] : ['reference'];
    sources.push({
      name,
      fetch: (/** @type {string} */ workDir) => {
        const aptArgs = openSuite({ mirror: findMirror(), suite, workDir, log: search.log });
        return takePackage({ search, name, workDir, aptArgs, tiers });
      },
    });
  }
  sources.push({
    name: 'the official release',
    fetch: (/** @type {string} */ workDir) =>
      fetchRelease({
        release: PINNED_RELEASES[search.tier],
        platform: releasePlatform(),
        workDir,
        env: search.env,
        log: search.log,
      }),
  });
  return sources;
}

/** @param {NatsTier} tier */
function suitesFor(tier) {
  return tier === 'reference' ? ['sid', 'trixie'] : ['trixie'];
}

/**
 * @param {{ search: Search, name: string, workDir: string, aptArgs: string[], tiers: NatsTier[] }} options
 *   tiers: the lines that are welcome from this source
 * @returns {string} the path of the unpacked server
 */
function takePackage({ search, name, workDir, aptArgs, tiers }) {
  const candidate = candidateVersion('nats-server', aptArgs);
  const version = readVersion(candidate);
  if (version === undefined || !tiers.some((tier) => servesTier(version, tier))) {
    throw new SetupFailure({
      what: candidate === '' ? 'it has no nats-server' : `it has nats-server ${candidate}`,
      why: `${wanted(search.tier)} is needed`,
      remedy: 'set PARLEY_NATS_SERVER',
    });
  }
  const from =
    aptArgs.length === 0 ? name : `this machine's Debian mirror (${name}, signature checked)`;
  const folder = unpackPackage({
    packageName: 'nats-server',
    aptArgs,
    workDir,
    from,
    log: search.log,
  });
  return join(folder, 'usr', 'sbin', 'nats-server');
}

/**
 * Puts a fetched server into the cache under its version. The rename makes it appear whole or not at all,
 * also when two processes fetch at the same time.
 * @param {{ search: Search, fetched: string, origin: string }} options
 * @returns {FoundServer}
 */
function keep({ search, fetched, origin }) {
  const asked = runBriefly(fetched, ['--version']);
  const version = readVersion(asked.stdout);
  if (version === undefined || standingOf(version) === 'refused') {
    throw new SetupFailure({
      what: 'the fetched nats-server does not run here',
      why: version === undefined ? lastWords(asked.stderr || asked.stdout) : `it is ${version}`,
      remedy: 'set PARLEY_NATS_SERVER',
    });
  }
  const folder = join(search.cacheDir, `${CACHE_PREFIX}${version}`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'nats-server');
  const partial = `${path}.${process.pid}`;
  copyFileSync(fetched, partial);
  chmodSync(partial, 0o755);
  renameSync(partial, path);
  if (!servesTier(version, search.tier)) writeFileSync(join(folder, STAND_IN_MARK), '');
  search.log(`  nats-server ${version} is ready`);
  return withWarning({ path, version, origin }, search.tier);
}

/**
 * @param {FoundServer} found
 * @param {NatsTier} [tier]
 * @returns {FoundServer}
 */
function withWarning(found, tier = 'reference') {
  if (servesTier(found.version, tier)) return found;
  return {
    ...found,
    warning:
      `nats-server ${found.version} lacks per-message TTL and atomic batches; ${PRODUCTION_FLOOR} or newer is ` +
      'recommended (remove .parley/tools to look for a newer one again, or set PARLEY_NATS_SERVER)',
  };
}
