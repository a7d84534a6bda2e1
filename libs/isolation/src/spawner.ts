// Starts shims through spawner.sh, one small process that forks them: a fork of the agent itself would copy the page
// tables of all its memory. It owns that process and the conversations with shims that are not yet started; what a
// scope is, its caller knows.

import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { Duplex, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SYSTEM_PATH } from './run-command.ts';
import type { ShimAnswer } from './start-shim.ts';

export type SpawnerOptions = {
  /** Put before a command, runs it where the shims are to run; empty for here. */
  readonly enterCommand: readonly string[];
};

export type Spawning = {
  readonly unit: string;
  readonly runDirectory: string;
  /** Puts the shim, by its pid where it runs, into its scope. When this rejects, the task is not started. */
  readonly attach: (pid: number) => Promise<void>;
};

const SCRIPT = fileURLToPath(new URL('./spawner.sh', import.meta.url));
/** spawner.sh expects one conversation at a time on each. More scopes at a time only wait inside systemd. */
const CHANNELS = [4, 5, 6, 7, 8, 9] as const;
const ATTEMPTS = 3;
const ANSWER_TIMEOUT_MS = 60_000;

export class Spawner {
  readonly #options: SpawnerOptions;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #process: SpawnerProcess | undefined;

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the shim's last word; `silent` and `timedOut` do not tell whether the task may yet start. Launches
   * beyond the channels wait. Never rejects.
   */
  async spawn(spawning: Spawning): Promise<ShimAnswer> {
    if (this.#inFlight >= CHANNELS.length) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#inFlight += 1;
    try {
      for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
        const answer = await this.#current().spawn(spawning);
        // That shim was never told to go, nor can it be any more: another one may try.
        if (answer.word !== 'silent' || answer.wasGreeted) return answer;
      }
      return await this.#current().spawn(spawning);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inFlight -= 1;
      else next();
    }
  }

  #current(): SpawnerProcess {
    if (this.#process?.isUsable !== true) this.#process = new SpawnerProcess(this.#options);
    return this.#process;
  }
}

type Answer = ShimAnswer & { readonly wasGreeted: boolean };

/** One life of spawner.sh. After anything unforeseen it takes no more launches and ends with the last one in flight. */
class SpawnerProcess {
  readonly #child: ChildProcess;
  readonly #commands: Writable | undefined;
  readonly #free: Channel[] = [];
  #isUsable = true;
  #inFlight = 0;

  constructor({ enterCommand }: SpawnerOptions) {
    const script = ['/bin/sh', SCRIPT, path.dirname(SCRIPT)];
    // Without a locale, for which each program on the way to the task would open a dozen files.
    const environment = ['/usr/bin/env', '-i', `PATH=${SYSTEM_PATH}`];
    const [program = '', ...rest] = [...enterCommand, ...environment, ...script];
    this.#child = spawn(program, rest, {
      cwd: '/',
      detached: true,
      env: { PATH: SYSTEM_PATH },
      stdio: ['pipe', 'ignore', 'ignore', 'ignore', ...CHANNELS.map(() => 'pipe' as const)],
    });
    this.#child.unref();
    this.#child.on('error', () => this.#end());
    this.#child.on('exit', () => this.#end());
    const { stdin } = this.#child;
    const streams: readonly unknown[] = this.#child.stdio;
    if (stdin instanceof Writable) {
      this.#commands = stdin;
      stdin.on('error', () => this.#end());
      unref(stdin);
    }
    for (const number of CHANNELS) {
      const stream = streams[number];
      if (stream instanceof Duplex) this.#free.push(new Channel(number, stream));
    }
  }

  /** Whether a further launch has a place here. */
  get isUsable(): boolean {
    return this.#isUsable && this.#free.length > 0;
  }

  async spawn({ unit, runDirectory, attach }: Spawning): Promise<Answer> {
    const channel = this.#free.pop();
    if (channel === undefined || this.#commands === undefined)
      return { word: 'silent', wasGreeted: false };
    this.#inFlight += 1;
    this.#commands.write(`${channel.number} ${runDirectory}\n`);
    try {
      const answer = await converse(channel, unit, attach);
      // Without a last word somebody may still be talking there.
      if (answer.word === 'silent' || answer.word === 'timedOut') this.#isUsable = false;
      else this.#free.push(channel);
      return answer;
    } finally {
      this.#inFlight -= 1;
      if (!this.#isUsable && this.#inFlight === 0) this.#end();
    }
  }

  // Shims that have not been let go end with their channel.
  #end(): void {
    this.#isUsable = false;
    for (const stream of this.#child.stdio) stream?.destroy();
  }
}

async function converse(
  channel: Channel,
  unit: string,
  attach: Spawning['attach'],
): Promise<Answer> {
  const greeting = await channel.line();
  const pid = Number(/^pid (\d+)$/.exec(greeting ?? '')?.[1]);
  if (Number.isNaN(pid)) {
    return { word: channel.isEnded ? 'silent' : 'timedOut', wasGreeted: false };
  }
  const wasGreeted = true;
  let refusal: { readonly detail?: string } = {};
  try {
    await attach(pid);
    channel.say(`go ${unit}`);
  } catch (error) {
    refusal = { detail: error instanceof Error ? error.message : String(error) };
    channel.say('stop');
  }
  const word = await channel.line();
  if (word === 'started' || word === 'alreadyStarted') return { word, wasGreeted };
  if (word === 'abandoned') return { word, wasGreeted, ...refusal };
  return { word: channel.isEnded ? 'silent' : 'timedOut', wasGreeted, ...refusal };
}

/** One file descriptor of spawner.sh, on which the shims of successive launches talk in lines. */
class Channel {
  readonly number: number;
  readonly #stream: Duplex;
  readonly #lines: string[] = [];
  #partial = '';
  #wake: (() => void) | undefined;

  constructor(number: number, stream: Duplex) {
    this.number = number;
    this.#stream = stream;
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => {
      const lines = (this.#partial + text).split('\n');
      this.#partial = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake?.();
    });
    stream.on('error', () => stream.destroy());
    stream.on('close', () => this.#wake?.());
    unref(stream);
  }

  get isEnded(): boolean {
    return this.#stream.destroyed;
  }

  say(line: string): void {
    if (!this.isEnded) this.#stream.write(`${line}\n`);
  }

  /** The next line; undefined when the channel ended, or too much time has passed. */
  async line(): Promise<string | undefined> {
    if (this.#lines.length === 0 && !this.isEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_TIMEOUT_MS);
        this.#wake = () => {
          if (this.#lines.length === 0 && !this.isEnded) return;
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    return this.#lines.shift();
  }
}

/** Nothing that waits for a next launch keeps the agent alive; a launch does, by its timer. */
function unref(stream: Duplex | Writable): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}
