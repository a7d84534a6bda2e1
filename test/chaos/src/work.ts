// Owns the work of a run: which pieces each framework is given and when, drawn from the seed; how a piece leaves a trace of
// each of its executions; and how a framework's process and the lab pass lists and diaries to each other in files. Pure but
// for reading and appending these.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Random } from '@parley/test-simulation/random';
import * as z from 'zod';

/** `members`: tasks that run together as a group; one is a task of its own. */
export const WorkItem = z.object({
  key: z.string(),
  members: z.int().min(1),
  seconds: z.number(),
});
export type WorkItem = z.infer<typeof WorkItem>;
export type ReleasedItem = WorkItem & { readonly framework: string; readonly atMs: number };

/** What a framework was told of its work, a line each. */
export const DiaryLine = z.object({
  key: z.string(),
  taskId: z.string().optional(),
  state: z.string(),
  reason: z.string().optional(),
  /** The work is over, well or not. */
  isOver: z.boolean(),
});
export type DiaryLine = z.infer<typeof DiaryLine>;

/** Between two pieces of one framework. */
const GAP_MS = [500, 2500] as const;
const SHORT_SECONDS = [0.1, 2] as const;
const LONG_SECONDS = [3, 8] as const;
const LONG_CHANCE = 0.15;
const GROUP_CHANCE = 0.2;
const GROUP_MEMBERS = 2;

export function drawWork(
  seed: number,
  frameworks: readonly string[],
  durationMs: number,
): readonly ReleasedItem[] {
  return frameworks
    .flatMap((framework) => workOf(framework, new Random(seed).derive(framework), durationMs))
    .toSorted((one, other) => one.atMs - other.atMs);
}

function workOf(framework: string, random: Random, durationMs: number): ReleasedItem[] {
  const items: ReleasedItem[] = [];
  for (let atMs = 0; atMs < durationMs; atMs += random.between(...GAP_MS)) {
    const [least, most] = random.chance(LONG_CHANCE) ? LONG_SECONDS : SHORT_SECONDS;
    const seconds = random.between(least * 10, most * 10) / 10;
    const members = random.chance(GROUP_CHANCE) ? GROUP_MEMBERS : 1;
    items.push({ framework, key: `${framework}-w${items.length}`, members, seconds, atMs });
  }
  return items;
}

/** Of one framework, in the run's directory. */
export class WorkFiles {
  readonly #directory: string;
  readonly #framework: string;

  constructor(directory: string, framework: string) {
    this.#directory = directory;
    this.#framework = framework;
  }

  release({ key, members, seconds }: WorkItem): void {
    append(this.#list, { key, members, seconds });
  }

  released(): readonly WorkItem[] {
    return linesOf(this.#list, WorkItem);
  }

  /** No more work comes: it may end when all is done. */
  finish(): void {
    appendFileSync(this.#finished, '');
  }

  get isFinished(): boolean {
    return existsSync(this.#finished);
  }

  tell(line: DiaryLine): void {
    append(this.#diary, line);
  }

  told(): readonly DiaryLine[] {
    return linesOf(this.#diary, DiaryLine);
  }

  /** Shell: leaves the task's id, then works for its time. */
  script(taskId: string, seconds: number): string {
    return `echo ${taskId} >> ${this.#trace}; sleep ${seconds}`;
  }

  /** Task ids, one for each execution. */
  runs(): readonly string[] {
    return textOf(this.#trace).split('\n').filter(Boolean);
  }

  get #list(): string {
    return path.join(this.#directory, 'frameworks', `${this.#framework}.work`);
  }

  get #finished(): string {
    return path.join(this.#directory, 'frameworks', `${this.#framework}.finished`);
  }

  get #diary(): string {
    return path.join(this.#directory, 'frameworks', `${this.#framework}.diary`);
  }

  get #trace(): string {
    return path.join(this.#directory, 'traces', this.#framework);
  }
}

/** One write each, so that a reader sees it whole and a writer that is killed leaves it whole or not at all. */
const append = (file: string, value: unknown): void =>
  appendFileSync(file, `${JSON.stringify(value)}\n`);

function linesOf<Value>(file: string, schema: z.ZodType<Value>): Value[] {
  const lines = textOf(file).split('\n').slice(0, -1);
  return lines.map((line) => schema.parse(JSON.parse(line)));
}

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
