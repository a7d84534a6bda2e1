#!/usr/bin/env node
// Owns the entry of `parley`: reads the arguments, runs one command, prints its failure and leaves with its code.
// Each command's code is loaded when it is the one, so that a start is quick.
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { contextFirst } from './arguments.ts';
import { CommandFailure, EXIT, systemCode } from './command-failure.ts';
import { readSurroundings } from './config.ts';
import { printNotice } from './print.ts';
import { buildProgram } from './program.ts';

const surroundings = readSurroundings();
const mainFile = fileURLToPath(import.meta.url);

try {
  const program = buildProgram({ surroundings, mainFile });
  await program.parseAsync(contextFirst(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  process.exitCode = leave(error);
}

function leave(error: unknown): number {
  if (error instanceof CommandFailure) {
    printNotice(`parley: ${error.message}`);
    return error.exitCode;
  }
  // Commander has printed help or what is wrong with the arguments already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isFailureInWords(error)) {
    printNotice(`parley: ${error.message}`);
    return EXIT.failed;
  }
  // Whoever read what is printed has enough of it, as `head`.
  if (systemCode(error) === 'EPIPE') return EXIT.failed;
  process.stderr.write(`parley: defect: ${error instanceof Error ? error.stack : error}\n`);
  return EXIT.failed;
}

/** The set-up's failures (no nats-server to be had, a disk that is full) read as they are. */
function isFailureInWords(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SetupFailure';
}
