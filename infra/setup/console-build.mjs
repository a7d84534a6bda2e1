// Builds the console, the page that a gateway serves, when what it is made of has changed since it was built: a digest
// of that lies beside the result. Serving it is services/gateway's.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SetupFailure } from './setup-failure.mjs';
import { runBriefly } from './system-commands.mjs';

const CONSOLE = 'services/console';
const RESULT = join(CONSOLE, 'dist');
const DIGEST = join(RESULT, 'made-of');
/** Its own files, and the libraries that are bundled into it. */
const PARTS = [
  CONSOLE,
  'libs/cluster-view/src',
  'libs/cluster/src',
  'libs/protocol/src',
  'libs/resources/src',
];
const BUILD_LIMIT_MS = 180_000;
const LEFT_OUT = new Set(['dist', 'node_modules', '.turbo']);

/**
 * @param {string} root
 * @returns {string} changes when the result of a build might
 */
export function digestOfSources(root) {
  const hash = createHash('sha256');
  for (const file of PARTS.flatMap((part) => filesBelow(join(root, part)))) {
    hash.update(relative(root, file)).update(readFileSync(file));
  }
  hash.update(readFileSync(join(root, 'package-lock.json')));
  return hash.digest('hex');
}

/**
 * @param {string} root
 * @returns {boolean}
 */
export function isBuilt(root) {
  const digest = join(root, DIGEST);
  return existsSync(digest) && readFileSync(digest, 'utf8') === digestOfSources(root);
}

/**
 * @param {{ root: string, log: (line: string) => void }} options
 * @throws {SetupFailure} when the build fails
 */
export function ensureConsole({ root, log }) {
  if (isBuilt(root)) return;
  const digest = digestOfSources(root);
  log('building the console');
  const bin = join(root, 'node_modules', '.bin');
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const built = runBriefly(join(bin, 'node'), [vite, 'build'], {
    cwd: join(root, CONSOLE),
    timeoutMs: BUILD_LIMIT_MS,
  });
  if (!built.ok) {
    throw new SetupFailure({
      what: 'the console cannot be built',
      why: built.stderr.trim() || built.stdout.trim(),
      remedy: 'repair what it names in services/console',
    });
  }
  writeFileSync(join(root, DIGEST), digest);
}

/**
 * @param {string} folder
 * @returns {string[]} sorted, tests left out
 */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !LEFT_OUT.has(name) && !name.includes('.test.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const place = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(place) : [place];
    });
}
