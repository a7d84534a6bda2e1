// Owns carrying out one call of Mesos's operator interface, however it came: as a message of /api/v1, or as a form of old.
import { systemClock } from '@parley/actor/nats/system-clock';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { changeLevel } from '@parley/telemetry/logger';
import * as z from 'zod';
import type { Visitor } from '../access/visitor.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { nanosecondsOf } from '../mesos/mesos-values.ts';
import type { ModelSource } from '../read-model/model-source.ts';
import { DurationField, readField, Whole } from './call-shapes.ts';
import { carryOut } from './leader-calls.ts';
import { answerTo } from './operator-answers.ts';
import { changesOf, isChange } from './operator-changes.ts';
import { SandboxFiles } from './sandbox-files.ts';

export type PlainCall = Readonly<Record<string, unknown>> & { readonly type: string };
type Answer = Readonly<Record<string, unknown>>;

const ListFiles = z.object({ path: z.string() });
const ReadFile = z.object({
  path: z.string(),
  offset: Whole.default(0),
  length: Whole.optional(),
});
const SetLevel = z.object({ level: Whole, duration: DurationField.default(0) });

/** What changes something, or what this process says. */
export const needsOperate = (type: string): boolean =>
  isChange(type) || type === 'SET_LOGGING_LEVEL';

export class OperatorDesk {
  readonly #context: GatewayContext;
  readonly #source: ModelSource;
  readonly #files: SandboxFiles;
  #loggingLevel = 0;
  #quieter: NodeJS.Timeout | undefined;

  constructor(context: GatewayContext, source: ModelSource) {
    this.#context = context;
    this.#source = source;
    this.#files = new SandboxFiles(context.link);
  }

  /** Nothing: it is done, and there is nothing to say. Fails with `unknownVerb` where the cluster has no equal of it. */
  carryOut(call: PlainCall, { name }: Pick<Visitor, 'name'>): Promise<Outcome<Answer | undefined>> {
    return isChange(call.type) ? this.#change(call, name) : this.#read(call);
  }

  async #change(call: PlainCall, visitor: string): Promise<Outcome<undefined>> {
    const { link, live, logger } = this.#context;
    const calls = changesOf(live.followed.state, call.type, call);
    if (!calls.ok) return calls;
    logger.info({ visitor, call: call.type }, 'an operator changes something over HTTP');
    return carryOut(link, calls.value);
  }

  async #read(call: PlainCall): Promise<Outcome<Answer | undefined>> {
    switch (call.type) {
      case 'LIST_FILES':
        return this.#listFiles(call);
      case 'READ_FILE':
        return this.#readFile(call);
      case 'SET_LOGGING_LEVEL':
        return this.#setLevel(call);
      default: {
        const answer = answerTo(call.type, {
          model: this.#source.now(),
          config: this.#context.config,
          nowWallMs: systemClock.wallTimeMs(),
          loggingLevel: this.#loggingLevel,
        });
        if (answer !== undefined) return succeed(answer);
        return fail('unknownVerb', `The call '${call.type}' has no equal in this cluster`);
      }
    }
  }

  async #listFiles(call: PlainCall): Promise<Outcome<Answer>> {
    const asked = readField(ListFiles, call['list_files'], 'list_files');
    if (!asked.ok) return asked;
    const listed = await this.#files.list(asked.value.path);
    if (!listed.ok) return listed;
    const infos = listed.value.map(({ path, nlink, size, mtimeMs, mode }) => ({
      ...{ path, nlink, size, mode },
      mtime: { nanoseconds: nanosecondsOf(mtimeMs) },
    }));
    return succeed({ type: 'LIST_FILES', list_files: { file_infos: infos } });
  }

  async #readFile(call: PlainCall): Promise<Outcome<Answer>> {
    const asked = readField(ReadFile, call['read_file'], 'read_file');
    if (!asked.ok) return asked;
    const { path, offset, length } = asked.value;
    const part = await this.#files.read(path, { offset, length });
    if (!part.ok) return part;
    const { data, size } = part.value;
    return succeed({ type: 'READ_FILE', read_file: { size, data: Uint8Array.from(data) } });
  }

  /** Of this gateway alone: what the services of the cluster log is set with `parley log-level`. */
  #setLevel(call: PlainCall): Outcome<undefined> {
    const asked = readField(SetLevel, call['set_logging_level'], 'set_logging_level');
    if (!asked.ok) return asked;
    const { level, duration } = asked.value;
    const { logger } = this.#context;
    clearTimeout(this.#quieter);
    this.#loggingLevel = level;
    changeLevel(logger, level > 0 ? 'debug' : 'info');
    if (level > 0 && duration > 0) {
      this.#quieter = setTimeout(
        () => {
          this.#loggingLevel = 0;
          changeLevel(logger, 'info');
        },
        Math.min(duration, MAX_TIMER_MS),
      );
      this.#quieter.unref();
    }
    return succeed(undefined);
  }
}

/** What a timer of Node's takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;
