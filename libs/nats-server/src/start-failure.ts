// Owns what is said when the nats-server does not start, does not reload or ends: reads its log, names cause and remedy.
// Pure but for reading the log files.
import { existsSync, readFileSync } from 'node:fs';
import { SetupFailure } from '@parley/setup/setup-failure';

const TAIL_LINES = 12;

/** The last lines of the log; empty where there is none. */
export function logTail(path: string): string {
  if (!existsSync(path)) return '';
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.slice(-TAIL_LINES).join('\n');
}

type KnownCause = { readonly pattern: RegExp; readonly why: string; readonly remedy: string };

const KNOWN_CAUSES: readonly KnownCause[] = [
  {
    pattern: /no space left on device|disk quota exceeded|insufficient (?:storage )?resources/i,
    why: 'the disk is full',
    remedy: 'free some space there (the data of the cluster is kept) and start again',
  },
  {
    pattern: /address already in use/i,
    why: 'another process listens on its port',
    remedy: 'stop that process, or let a free port be chosen by not naming one',
  },
  {
    pattern: /permission denied|read-only file system/i,
    why: 'it may not write its files',
    remedy: "check the owner and the mode of the cluster's directory",
  },
  {
    pattern: /too many open files/i,
    why: 'it may not open enough files',
    remedy: 'raise the limit (ulimit -n)',
  },
];

/** What, why and what to do, from the last lines of the server's log. */
export function explainFailure(what: string, tail: string): SetupFailure {
  const cause = KNOWN_CAUSES.find(({ pattern }) => pattern.test(tail));
  const log = tail === '' ? 'its log is empty' : `its log ends with\n${indent(tail)}`;
  return new SetupFailure({
    what,
    why: cause === undefined ? log : `${cause.why}; ${log}`,
    remedy: cause?.remedy ?? 'see the log',
  });
}

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `          ${line}`)
    .join('\n');
