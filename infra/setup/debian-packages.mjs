// Fetches one package from the Debian mirror that this machine already uses, also from a newer suite than the
// machine's own, and unpacks it: nothing is installed and the machine's apt configuration stays as it is.
// apt checks the signatures with Debian's keyring; which version is good enough is the caller's decision.
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { SetupFailure } from './setup-failure.mjs';
import { findCommand, lastWords, readOsRelease, runBriefly } from './system-commands.mjs';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const KEYRING_REMEDY = 'install the package debian-archive-keyring, or put a nats-server into PATH';

/** A package list of a whole suite is about 11 MB; a slow mirror may need minutes. */
const UPDATE_LIMIT_MS = 600_000;

/** Digests of package files seen and tried; a file of the same name with other bytes is refused. */
const KNOWN_PACKAGE_SHA256 = new Map([
  [
    'nats-server_2.15.1-1_amd64.deb',
    '31ef4ceaa84e8248d449e508472e3770c17c3695cb5cb0ee96e03912724ea884',
  ],
  [
    'nats-server_2.10.27-1+b2_amd64.deb',
    '6d913ac987b78734c08537c2adeb1526cf735f216173a9170d94b185fcfe6f8a',
  ],
]);

/** @typedef {{ uri: string, signedBy: string }} Mirror */
/** @typedef {{ file: string, bytes: number }} PackageFile */

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ family: boolean, debian: boolean, codename: string }} what this host is, as far as apt matters
 */
export function describeHost(env) {
  const release = readOsRelease();
  const hasTools =
    findCommand('apt-get', env) !== undefined && findCommand('dpkg-deb', env) !== undefined;
  return {
    family: hasTools,
    debian: hasTools && release['ID'] === 'debian',
    codename: release['VERSION_CODENAME'] || '',
  };
}

/**
 * Reads apt's answer about its own sources.
 * @param {string} indexTargets lines `address|codename|component|keyring`
 * @param {string} codename the release that the host runs, for instance `bookworm`
 * @returns {Mirror | undefined} the mirror of that release's main component
 */
export function pickMirror(indexTargets, codename) {
  for (const line of indexTargets.split('\n')) {
    const [uri = '', suite = '', component = '', signedBy = ''] = line.split('|');
    if (suite !== codename || component !== 'main' || uri === '') continue;
    return { uri, signedBy: signedBy.startsWith('/') ? signedBy : KEYRING };
  }
  return undefined;
}

/**
 * @returns {Mirror} the mirror that the machine's own sources name
 * @throws {SetupFailure} when the sources name no mirror of the running release
 */
export function findMirror() {
  const { codename } = describeHost(process.env);
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)';
  const asked = runBriefly('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const mirror = pickMirror(asked.stdout, codename);
  if (mirror) return mirror;
  throw new SetupFailure({
    what: 'no Debian mirror was found',
    why: asked.ok ? `apt's sources name none for ${codename} main` : lastWords(asked.stderr),
    remedy: 'put a mirror into /etc/apt/sources.list.d, or set PARLEY_NATS_SERVER',
  });
}

/**
 * Opens a suite of the mirror in a folder of its own.
 * @param {{ mirror: Mirror, suite: string, workDir: string, log: (line: string) => void }} options
 *   workDir: an empty folder, which the caller removes
 * @returns {string[]} the arguments that make every apt command look at that suite alone
 * @throws {SetupFailure} when the package list could not be fetched or verified
 */
export function openSuite({ mirror, suite, workDir, log }) {
  const configuration = writeAptState({ mirror, suite, workDir });
  log(
    `  fetching the package list of Debian ${suite} (about 11 MB) from this machine's Debian mirror`,
  );
  const args = ['-c', configuration];
  const updated = runBriefly('apt-get', [...args, 'update'], { timeoutMs: UPDATE_LIMIT_MS });
  if (!updated.ok) {
    throw new SetupFailure({
      what: `the package list of Debian ${suite} could not be fetched`,
      why: lastWords(updated.stderr),
      remedy: /NO_PUBKEY|not signed|EXPKEYSIG/.test(updated.stderr)
        ? KEYRING_REMEDY
        : 'check the network and the mirror (apt-get update), then run the same command again',
    });
  }
  const fetched = /Fetched .*/.exec(updated.stdout);
  if (fetched) log(`  ${fetched[0].replace('Fetched', 'fetched')}`);
  return args;
}

/**
 * @param {{ mirror: Mirror, suite: string, workDir: string }} options
 * @returns {string} the path of an apt configuration that reads and writes below workDir only
 */
function writeAptState({ mirror, suite, workDir }) {
  const state = join(workDir, 'state');
  const cache = join(workDir, 'cache');
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  writeFileSync(join(state, 'status'), '');
  const sources = join(workDir, 'sources.list');
  const signedBy = existsSync(mirror.signedBy) ? `signed-by=${mirror.signedBy} ` : '';
  writeFileSync(sources, `deb [${signedBy}target=Packages] ${mirror.uri} ${suite} main\n`);
  const configuration = join(workDir, 'apt.conf');
  const lines = [
    // The hooks and index targets of the host serve its own package lists, not this one.
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    `Dir::State "${state}";`,
    `Dir::State::status "${join(state, 'status')}";`,
    `Dir::Cache "${cache}";`,
    `Dir::Etc::sourcelist "${sources}";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    'Acquire::PDiffs "false";',
    'Acquire::Languages "none";',
    'Acquire::AllowInsecureRepositories "false";',
    'APT::Get::AllowUnauthenticated "false";',
    'APT::Update::Error-Mode "any";',
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  return configuration;
}

/**
 * @param {string} packageName
 * @param {string[]} aptArgs from openSuite; none asks the machine's own sources
 * @returns {string} the version that would be fetched; empty when the sources do not have the package
 */
export function candidateVersion(packageName, aptArgs) {
  const asked = runBriefly('apt-cache', [...aptArgs, 'policy', packageName], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  const found = /Candidate: (\S+)/.exec(asked.stdout);
  return found && found[1] !== undefined && found[1] !== '(none)' ? found[1] : '';
}

/**
 * Downloads a package file and unpacks it into `workDir/unpacked`.
 * @param {{ packageName: string, aptArgs: string[], workDir: string, from: string, log: (line: string) => void }} options
 *   from: how the source is named to the reader
 * @returns {string} the folder with the package's files
 * @throws {SetupFailure} when the download fails or the bytes are not the expected ones
 */
export function unpackPackage({ packageName, aptArgs, workDir, from, log }) {
  const downloads = join(workDir, 'download');
  mkdirSync(downloads);
  handToAptUser(downloads);
  const announced = announcedFile(packageName, aptArgs);
  log(`  fetching ${announced.file} (${(announced.bytes / 1e6).toFixed(1)} MB) from ${from}`);
  const fetched = runBriefly('apt-get', [...aptArgs, 'download', packageName], {
    cwd: downloads,
    timeoutMs: UPDATE_LIMIT_MS,
  });
  const file = readdirSync(downloads).find((name) => name.endsWith('.deb'));
  if (!fetched.ok || file === undefined) {
    throw new SetupFailure({
      what: `the Debian package ${packageName} could not be fetched`,
      why: lastWords(fetched.stderr),
      remedy: 'check the network and the mirror, then run the same command again',
    });
  }
  const path = join(downloads, file);
  refuseOtherBytes(path);
  const unpacked = join(workDir, 'unpacked');
  const extracted = runBriefly('dpkg-deb', ['-x', path, unpacked]);
  if (extracted.ok) return unpacked;
  throw new SetupFailure({
    what: `the Debian package ${file} could not be unpacked`,
    why: lastWords(extracted.stderr),
    remedy: 'check the free space of the disk, then run the same command again',
  });
}

/**
 * @param {string} packageName
 * @param {string[]} aptArgs
 * @returns {PackageFile} what a download would fetch
 */
function announcedFile(packageName, aptArgs) {
  const asked = runBriefly('apt-get', [...aptArgs, 'download', '--print-uris', packageName]);
  const found = /^'[^']*' (\S+) (\d+)/m.exec(asked.stdout);
  return { file: found?.[1] || packageName, bytes: Number(found?.[2] || 0) };
}

/**
 * apt downloads as a user of its own when it runs as root, and that user must be able to write there.
 * @param {string} folder
 */
function handToAptUser(folder) {
  if (process.getuid?.() !== 0) return;
  const asked = runBriefly('id', ['-u', '_apt']);
  if (asked.ok) chownSync(folder, Number(asked.stdout.trim()), 0);
}

/** @param {string} path */
function refuseOtherBytes(path) {
  // apt writes the epoch's colon as %3a; none of the known files has one.
  const expected = KNOWN_PACKAGE_SHA256.get(basename(path));
  if (expected === undefined) return;
  const actual = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (actual === expected) return;
  throw new SetupFailure({
    what: `${basename(path)} is not the file that this project knows`,
    why: `its SHA-256 is ${actual}, expected ${expected}`,
    remedy: 'do not use this mirror; take another one, or set PARLEY_NATS_SERVER',
  });
}
