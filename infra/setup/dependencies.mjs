// Decides whether the packages of the lockfile are installed, and installs them when they are not. The decision
// compares what npm wrote down about the installation with the lockfile, so it costs milliseconds.
// It does not resolve versions: npm does, from the lockfile.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SetupFailure } from './setup-failure.mjs';
import { runBriefly, runWatched } from './system-commands.mjs';

/** Measured with an empty npm cache on linux-x64; a full cache downloads nothing. */
const DOWNLOAD_MEGABYTES = 185;
const DISK_MEGABYTES = 465;

/** How often a long installation says how far it is. */
const PROGRESS_STEP = 25;

/** The Node that the services support at the least; the lockfile brings a newer one. */
const NODE_FLOOR = 24;

/** @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean }} LockedPackage */
/** @typedef {Record<string, LockedPackage & Record<string, unknown>>} LockedPackages */

const MANIFEST_FIELDS = [
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
];

/**
 * @param {LockedPackages} locked packages of package-lock.json
 * @param {LockedPackages} installed packages of node_modules/.package-lock.json
 * @returns {string | undefined} the first package that is not as locked. An optional one may be absent: most are
 *   binaries for other platforms
 */
export function firstDifference(locked, installed) {
  for (const [path, wanted] of Object.entries(locked)) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
    const present = installed[path];
    if (present === undefined) {
      if (wanted.optional) continue;
      return path;
    }
    if (present.version !== wanted.version || present.integrity !== wanted.integrity) return path;
    if (Boolean(present.link) !== Boolean(wanted.link)) return path;
  }
  return undefined;
}

/**
 * @param {string} root
 * @param {LockedPackages} locked
 * @returns {string | undefined} the first workspace whose package.json asks for something else than the lockfile
 */
export function firstStaleManifest(root, locked) {
  for (const [path, entry] of Object.entries(locked)) {
    if (path.includes('node_modules/')) continue;
    const manifest = readJson(join(root, path, 'package.json'));
    if (manifest === undefined) return path;
    const stale = MANIFEST_FIELDS.some(
      (field) => !isDeepStrictEqual(manifest[field] || {}, entry[field] || {}),
    );
    if (stale) return path === '' ? '.' : path;
  }
  return undefined;
}

/**
 * Installs the locked dependencies when they are not there.
 * @param {{ root: string, env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {Promise<void>}
 * @throws {SetupFailure} when npm fails or the installed Node does not run
 */
export async function ensureDependencies({ root, env, log }) {
  const lock = readJson(join(root, 'package-lock.json'));
  if (lock === undefined) {
    throw new SetupFailure({
      what: 'package-lock.json is missing or not JSON',
      why: 'the dependencies to install are listed there',
      remedy: 'restore it: git checkout -- package-lock.json',
    });
  }
  const stale = firstStaleManifest(root, lock.packages);
  const reason = stale
    ? `${stale}/package.json and the lockfile differ`
    : whyInstall(root, lock.packages);
  if (reason === undefined) return;
  const count = Object.values(lock.packages).filter(
    (entry) => !entry.link && !entry.optional,
  ).length;
  log(
    `installing the dependencies (${reason}): about ${count} packages of package-lock.json from the npm registry, ` +
      `about ${DOWNLOAD_MEGABYTES} MB to download with an empty npm cache, ${DISK_MEGABYTES} MB on disk`,
  );
  const startedAt = process.hrtime.bigint();
  // Without --no-save npm may write a lockfile in its own words; only a changed manifest is a reason to.
  await npmInstall({ root, env, log, args: stale ? [] : ['--no-save'] });
  verifyNode(root);
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  log(`installed the dependencies in ${seconds.toFixed(0)} s`);
}

/**
 * @param {string} root
 * @param {LockedPackages} locked
 * @returns {string | undefined}
 */
function whyInstall(root, locked) {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return 'none is installed';
  const different = firstDifference(locked, installed.packages);
  if (different) return `${different} is not as locked`;
  const gone = Object.keys(installed.packages).find(
    (path) => path.startsWith('node_modules/') && !existsSync(join(root, path)),
  );
  if (gone) return `${gone} is gone`;
  return existsSync(join(root, 'node_modules', '.bin', 'node')) ? undefined : 'node is gone';
}

/**
 * @param {{ root: string, env: NodeJS.ProcessEnv, log: (line: string) => void, args: string[] }} options
 */
async function npmInstall({ root, env, log, args }) {
  const npm = env['npm_execpath'];
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const fixed = ['install', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  /** @type {string[]} */
  const errors = [];
  let archives = 0;
  const code = await runWatched(command, [...first, ...fixed, '--loglevel=http', ...args], {
    cwd: root,
    env,
    onLine: (line) => {
      if (/^npm (error|ERR!)/.test(line)) errors.push(line.replace(/^npm (error|ERR!)\s*/, ''));
      if (!/^npm http fetch GET 200 .*\.tgz/.test(line)) return;
      archives += 1;
      if (archives % PROGRESS_STEP === 0) log(`  ${archives} packages fetched`);
    },
  });
  if (code === 0) return;
  const said = errors.filter((line) => line !== '' && !line.startsWith('A complete log'));
  throw new SetupFailure({
    what: `npm install ended with ${code}`,
    why: said.slice(0, 6).join(' / ') || 'npm said nothing',
    remedy: remedyFor(said.join(' '), code),
  });
}

/**
 * @param {string} said
 * @param {number} code
 * @returns {string}
 */
function remedyFor(said, code) {
  if (/ENOSPC/.test(said))
    return `free ${DISK_MEGABYTES} MB of disk, then run the same command again`;
  if (/EACCES|EPERM/.test(said))
    return 'make this folder and the npm cache your own (chown), then try again';
  if (code === 127) return 'install npm 10 or newer';
  return 'check the network and "npm config get registry", then run the same command again';
}

/** @param {string} root */
function verifyNode(root) {
  const node = join(root, 'node_modules', '.bin', 'node');
  const asked = runBriefly(node, ['--version']);
  const major = Number((/^v(\d+)/.exec(asked.stdout) || [])[1] || 0);
  if (asked.ok && major >= NODE_FLOOR) return;
  throw new SetupFailure({
    what: 'the installed Node does not run',
    why: asked.ok ? `${node} is ${asked.stdout.trim()}` : `${node}: ${asked.stderr.trim()}`,
    remedy:
      'its install script must run: "npm config set ignore-scripts false", then "npm rebuild node"; ' +
      'on a system without glibc install Node 24 or newer yourself',
  });
}

/**
 * @param {string} path
 * @returns {any} undefined when the file is missing or not JSON
 */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
