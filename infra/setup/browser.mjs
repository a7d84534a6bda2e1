// Looks for the browser in which the tests look at the console (test/browser): the distribution's Chromium, or the one that
// the variable CHROMIUM names. As root on a Debian-like host it installs it; elsewhere it says what to do.
import { describeHost } from './debian-packages.mjs';
import { isExecutableFile } from './system-commands.mjs';
import { installPackages } from './system-tools.mjs';

const USUAL = '/usr/bin/chromium';
/** Without any font a page has no words. */
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string} where the browser is, or would be
 */
export const browserPath = (env) => env['CHROMIUM'] || USUAL;

/**
 * @param {{ env: NodeJS.ProcessEnv, log: (line: string) => void }} options
 * @returns {void}
 * @throws {import('./setup-failure.mjs').SetupFailure} when it is missing and installing it failed
 */
export function ensureBrowser({ env, log }) {
  if (isExecutableFile(browserPath(env))) return;
  const isRoot = process.getuid !== undefined && process.getuid() === 0;
  if (env['CHROMIUM'] || !isRoot || !describeHost(env).family) {
    log(
      `note: the tests of the console need a Chromium at ${browserPath(env)}, or name another with CHROMIUM`,
    );
    return;
  }
  installPackages({ packages: PACKAGES, purpose: 'tests look at the console', env, log });
}
