// Finds and runs the programs of the host. Every runner of the set-up goes through here, so that what is
// looked up, what is captured and how a failure reads is decided once. It knows nothing of what it runs.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where administrators' tools live; a user's PATH on Debian leaves these out. */
const ADMINISTRATION_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * @param {string} path
 * @returns {boolean} whether this is a regular file that may be executed
 */
export function isExecutableFile(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the first executable of that name in PATH, then in the administrators' folders
 */
export function findCommand(name, env) {
  const folders = (env['PATH'] || '').split(delimiter).concat(ADMINISTRATION_FOLDERS);
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutableFile);
}

/**
 * Runs a short command to its end and captures what it says.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {{ ok: boolean, stdout: string, stderr: string }}
 */
export function runBriefly(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: options.cwd,
    env: options.env,
    timeout: options.timeoutMs || 60_000,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started = result.error === undefined;
  return {
    ok: started && result.status === 0,
    stdout: result.stdout || '',
    stderr: started ? result.stderr || '' : String(result.error?.message),
  };
}

/**
 * Runs a long command and hands over every line as it is written, from stdout and stderr alike.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine: (line: string) => void }} options
 * @returns {Promise<number>} the exit code; 127 when the command could not be started
 */
export function runWatched(command, args, { cwd, env, onLine }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (/** @type {string} */ text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() || '';
        lines.forEach(onLine);
      });
      stream.on('end', () => {
        if (rest !== '') onLine(rest);
      });
    }
    child.on('error', (error) => {
      onLine(error.message);
      resolve(127);
    });
    child.on('close', (code) => resolve(code === null ? 1 : code));
  });
}

/**
 * @param {string} [path]
 * @returns {Record<string, string>} the fields of /etc/os-release; none where there is no such file
 */
export function readOsRelease(path = '/etc/os-release') {
  /** @type {Record<string, string>} */
  const fields = {};
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return fields;
  }
  for (const line of text.split('\n')) {
    const found = /^([A-Z_]+)="?([^"]*)"?$/.exec(line.trim());
    if (found && found[1] !== undefined && found[2] !== undefined) fields[found[1]] = found[2];
  }
  return fields;
}

/**
 * @param {string} text what a failed command wrote
 * @returns {string} its last telling lines on one line, without credentials that an address may carry
 */
export function lastWords(text) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const words = lines
    .slice(-3)
    .join(' / ')
    .replace(/\/\/[^/\s@]+@/g, '//');
  return words === '' ? 'it said nothing' : words.slice(0, 600);
}
