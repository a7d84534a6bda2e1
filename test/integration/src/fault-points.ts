// Loaded into an agent's process before the agent itself (`node --import`): the process kills itself before the first thing
// that it does to the outside world about one task, or all whose names begin with its id, and that no life before ended at. What it does is seen where it leaves
// the process: files that are made, written, renamed, linked, removed and read, and what is sent to the spawner, to systemd
// and to the bus. Their order differs from life to life, so they are told apart by what they are and how often it was done.
//
//   PARLEY_FAULT_TASK    the id of the task, which may be the first part of others' (`g1` of `g1-a`), and an executor's
//   PARLEY_FAULT_PASSED  the fault points that are let pass, as they were told, a line each
//   PARLEY_FAULT_AT      only before such a one, a regular expression
import { promises, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

const { PARLEY_FAULT_TASK: taskId = '', PARLEY_FAULT_PASSED: text = '' } = process.env;
const wanted = new RegExp(process.env['PARLEY_FAULT_AT'] ?? '');
const passed = new Set(text.split('\n'));
// Ids, file names and unit names go on with a letter or digit only where it is another task.
const names = new RegExp(`(?<![A-Za-z0-9])${taskId}(?![A-Za-z0-9])`);
/** Answers of the agent to whoever asked; while the leader orders, nobody else asks. */
const ANSWER = /PUB _INBOX/;
const STDERR = 2;
const HEADER_BYTES = 4;
/** What differs from one task, or one launch, to the next. */
const OWN =
  /(?<=-)[0-9a-f]{16}(?![A-Za-z0-9])|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\.)\d{10,}(?![A-Za-z0-9])/g;
/** A file that is waited for is read as often as the machine is slow. */
const MOST_TIMES = 5;

const times = new Map<string, number>();
let hasBegun = false;

function point(what: string): void {
  const kind = what.replaceAll(new RegExp(names, 'g'), 'TASK').replaceAll(OWN, '*');
  const time = (times.get(kind) ?? 0) + 1;
  times.set(kind, time);
  const name = `${kind} #${time}`;
  if (time > MOST_TIMES || passed.has(name) || !wanted.test(name)) return;
  writeSync(STDERR, `fault point: ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
}

const calls: Record<string, unknown> = promises as unknown as Record<string, unknown>;
for (const name of ['mkdir', 'writeFile', 'rename', 'link', 'open', 'rm', 'readFile']) {
  const original = calls[name] as (...words: unknown[]) => Promise<unknown>;
  calls[name] = (...words: unknown[]) => {
    const file = words.filter((word) => typeof word === 'string').find((word) => names.test(word));
    if (file !== undefined) {
      hasBegun = true;
      point(`${name} ${file.split('/').slice(-2).join('/')}`);
    }
    return original(...words);
  };
}

// What is done through a handle that was opened here.
const opened = new WeakMap<object, string>();
const open = calls['open'] as (...words: unknown[]) => Promise<FileHandle>;
calls['open'] = async (...words: unknown[]) => {
  const handle = await open(...words);
  const [file] = words;
  if (typeof file === 'string' && names.test(file)) opened.set(handle, file);
  return handle;
};
const sample = await promises.open('/dev/null');
const methods = Object.getPrototypeOf(sample) as Record<string, unknown>;
await sample.close();
for (const name of ['writeFile', 'write', 'chown', 'truncate']) {
  const original = methods[name] as (this: object, ...words: unknown[]) => Promise<unknown>;
  methods[name] = function through(this: object, ...words: unknown[]) {
    const file = opened.get(this);
    if (file !== undefined) point(`${name} into ${file.split('/').slice(-2).join('/')}`);
    return original.apply(this, words);
  };
}
syncBuiltinESMExports();

const write = Socket.prototype.write as (...words: unknown[]) => boolean;
Socket.prototype.write = function intercepted(this: Socket, ...words: unknown[]): boolean {
  const [data] = words;
  const said = data instanceof Uint8Array ? Buffer.from(data).toString('latin1') : String(data);
  const frame = hasBegun ? frameOf(data) : undefined;
  if (frame !== undefined) point(`send the executor ${frame}`);
  else if (names.test(said)) point(`send ${describe(said)}`);
  else if (hasBegun && ANSWER.test(said)) point('send the answer to the order');
  return write.apply(this, words);
};

/** The kind of a message to an executor, as executor-frames.ts lays it on the socket. */
function frameOf(data: unknown): string | undefined {
  if (!(data instanceof Uint8Array) || data.length <= HEADER_BYTES) return undefined;
  const bytes = Buffer.from(data);
  if (bytes.readUInt32BE(0) !== data.length - HEADER_BYTES) return undefined;
  return /subscribed|launchGroup|launch|acknowledged|kill/.exec(bytes.toString('latin1'))?.[0];
}

function describe(said: string): string {
  if (/^go /.test(said)) return 'the shim its go';
  if (/^\d+ \//.test(said)) return 'the spawner a run directory';
  const update = /PUB \S*\.updates\./.exec(said);
  // What is sent at once is one thing.
  const answer = hasBegun && ANSWER.test(said) ? 'the answer to the order and ' : '';
  return `${answer}${update === null ? 'systemd a call' : 'a status update'}`;
}
