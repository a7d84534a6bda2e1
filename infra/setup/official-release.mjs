// Fetches the official nats-server release archive, for hosts whose package manager has none that is new enough.
// Every archive is pinned by its SHA-256; a host for which no digest is known gets an error, never an unchecked file.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from './setup-failure.mjs';
import { findCommand, lastWords, runBriefly, runWatched } from './system-commands.mjs';

const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const DOWNLOAD_LIMIT_MS = 600_000;
const OWN_SERVER =
  'install nats-server 2.11 or newer yourself and set PARLEY_NATS_SERVER to its path';

/** @typedef {{ version: string, megabytes: number, sha256: Record<string, string> }} Release */

/**
 * The digests are those of the official container images' build files (nats-io/nats-docker), which download the
 * same archives. They exist for these versions; the compatibility tier is the last release of its line there.
 * @type {Record<import('./nats-version.mjs').NatsTier, Release>}
 */
export const PINNED_RELEASES = {
  reference: {
    version: '2.15.0',
    megabytes: 7,
    sha256: {
      'linux-amd64': '5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92',
      'linux-arm64': 'cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112',
    },
  },
  compatibility: {
    version: '2.10.29',
    megabytes: 6,
    sha256: {
      'linux-amd64': 'e314da74a83a1d3876db8814c27eb990fe729640fd6452025b441bcede8390da',
      'linux-arm64': 'da4b27942ecfb4c5f0c54553d2e7f470ddda9d7581cfe8131b351a0e223ed401',
    },
  },
};

/**
 * Downloads, verifies and unpacks a release.
 * @param {{ release: Release, platform: string, workDir: string, env: NodeJS.ProcessEnv,
 *   log: (line: string) => void, releases?: string }} options
 *   platform: `linux-amd64` and the like; workDir: an empty folder, which the caller removes
 * @returns {Promise<string>} the path of the unpacked nats-server
 * @throws {SetupFailure} when there is no digest, no connection, or the bytes are not the pinned ones
 */
export async function fetchRelease({ release, platform, workDir, env, log, releases = RELEASES }) {
  const expected = release.sha256[platform];
  if (expected === undefined) {
    throw new SetupFailure({
      what: `no nats-server release is pinned for ${platform}`,
      why: `digests are known for ${Object.keys(release.sha256).join(', ')}`,
      remedy: OWN_SERVER,
    });
  }
  const name = `nats-server-v${release.version}-${platform}`;
  const archive = join(workDir, `${name}.tar.gz`);
  log(
    `  fetching ${name}.tar.gz (about ${release.megabytes} MB) from the nats-server releases on GitHub`,
  );
  await download(`${releases}/v${release.version}/${name}.tar.gz`, archive, env);
  const bytes = readFileSync(archive);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== expected) {
    throw new SetupFailure({
      what: `${name}.tar.gz is not the pinned file`,
      why: `its SHA-256 is ${actual}, expected ${expected}`,
      remedy: `do not use this file; ${OWN_SERVER}`,
    });
  }
  log(`  fetched ${(bytes.length / 1e6).toFixed(1)} MB, SHA-256 as pinned`);
  const unpacked = runBriefly('tar', ['-xzf', archive, '-C', workDir]);
  if (unpacked.ok) return join(workDir, name, 'nats-server');
  throw new SetupFailure({
    what: `${name}.tar.gz could not be unpacked`,
    why: lastWords(unpacked.stderr),
    remedy:
      'install tar and gzip, check the free space of the disk, then run the same command again',
  });
}

/**
 * curl first: it honours the proxy settings of the host, which the fetch of older Node versions ignores.
 * @param {string} address
 * @param {string} target
 * @param {NodeJS.ProcessEnv} env
 */
async function download(address, target, env) {
  const curl = findCommand('curl', env);
  const failed = curl
    ? await downloadWithCurl(curl, address, target)
    : await downloadWithFetch(address, target);
  if (failed === undefined) return;
  throw new SetupFailure({
    what: 'the nats-server release could not be fetched',
    why: failed,
    remedy: `check the network and the proxy settings and try again, or ${OWN_SERVER}`,
  });
}

/**
 * @param {string} curl
 * @param {string} address
 * @param {string} target
 * @returns {Promise<string | undefined>} why it failed
 */
async function downloadWithCurl(curl, address, target) {
  const limitSeconds = String(DOWNLOAD_LIMIT_MS / 1000);
  const limits = ['--retry', '2', '--connect-timeout', '20', '--max-time', limitSeconds];
  /** @type {string[]} */
  const said = [];
  const code = await runWatched(curl, ['-fsSL', ...limits, '-o', target, address], {
    onLine: (line) => void said.push(line),
  });
  return code === 0 ? undefined : lastWords(said.join('\n'));
}

/**
 * @param {string} address
 * @param {string} target
 * @returns {Promise<string | undefined>} why it failed
 */
async function downloadWithFetch(address, target) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) });
    if (!response.ok) return `the server answered ${response.status}`;
    writeFileSync(target, Buffer.from(await response.arrayBuffer()));
    return undefined;
  } catch (error) {
    return error instanceof Error ? String(error.cause || error.message) : String(error);
  }
}

/** @returns {string} this host in the words of the release archives, for instance `linux-amd64` */
export function releasePlatform() {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return `${process.platform}-${architecture}`;
}
