// Owns that the root filesystem of a task or an executor is there before it is launched, and what its run then says of it. Where
// it comes from is in image-sources.ts, how it is mounted in @parley/isolation.
import path from 'node:path';
import { fileFailure } from '@parley/isolation/file-failure';
import {
  forgetImage,
  type ImageRoot,
  rememberedRoot,
  rememberImage,
} from '@parley/isolation/image-root';
import { prepareImageTools } from '@parley/isolation/image-tools';
import type { TaskLauncher } from '@parley/isolation/launcher';
import { hasStarted, listRuns } from '@parley/isolation/run-directory';
import { runRootOf } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { TaskImage } from '@parley/protocol/task-image';
import type { TaskDescription } from '@parley/protocol/tasks';
import { FetchFailure } from '../fetching/fetch-failure.ts';
import type { FetchPolicy } from '../fetching/fetch-policy.ts';
import type { StepFailure } from '../supervisor-messages.ts';
import type { TaskConfinement } from '../task-confinement.ts';
import { Turns } from '../turns.ts';
import { ImageSources } from './image-sources.ts';
import { ImageStore } from './image-store.ts';

export type TaskImagesOptions = {
  readonly workDirectory: string;
  readonly policy: FetchPolicy;
  /** Of what no task uses. */
  readonly maxBytes: number;
  readonly launcher: Pick<TaskLauncher, 'list'>;
  readonly confinement: TaskConfinement;
  /** For the log: the store could not be tidied. */
  readonly onFailure: (error: unknown) => void;
};

const MAX_IMAGES_AT_ONCE = 4;
const LOOK_MS = 60_000;

export class TaskImages {
  readonly #options: TaskImagesOptions;
  readonly #store: ImageStore;
  readonly #sources: ImageSources;
  readonly #turns = new Turns(MAX_IMAGES_AT_ONCE);
  #ready: Promise<void> | undefined;
  #tools: Promise<string> | undefined;

  constructor(options: TaskImagesOptions) {
    this.#options = options;
    const { workDirectory, policy, maxBytes } = options;
    this.#store = new ImageStore({
      directory: path.join(workDirectory, 'images'),
      maxBytes,
      rootsInUse: () => this.#rootsInUse(),
    });
    this.#sources = new ImageSources(this.#store, policy, {
      workDirectory,
      hidden: options.confinement.hidden,
    });
  }

  /** Tidies what an earlier process left; from then on looks once a minute whether there is more than there may be. */
  begin(): Promise<void> {
    this.#ready ??= this.#begin().catch(this.#options.onFailure);
    return this.#ready;
  }

  async #begin(): Promise<void> {
    setInterval(() => this.#collect(), LOOK_MS).unref();
    await this.#store.begin();
  }

  #collect(): void {
    this.#store.collect().catch(this.#options.onFailure);
  }

  /**
   * Undefined when it is there, and the run says so; nothing is done for what will not be launched. May be repeated until
   * the launch. Never rejects.
   */
  async prepare(
    runDirectory: string,
    principal: PrincipalName,
    { image }: Pick<TaskDescription, 'image'>,
  ): Promise<StepFailure | undefined> {
    if (image === undefined || !this.#options.confinement.canHaveImages) return undefined;
    await this.begin();
    try {
      await this.#turns.run(principal, () =>
        this.#sources.use(image, (stored) => rememberImage(runDirectory, stored)),
      );
    } catch (error) {
      return failureOf(image, error);
    }
    this.#collect();
    return undefined;
  }

  /** What was prepared is not going to be launched: its image may go. Never rejects. */
  async release(runDirectory: string): Promise<void> {
    await forgetImage(runDirectory).catch(this.#options.onFailure);
  }

  /** For how it is confined; undefined of one without an image. Fails with `notPermitted` where none can be had. */
  async rootOf({
    image,
    network,
  }: Pick<TaskDescription, 'image' | 'network'>): Promise<Outcome<ImageRoot | undefined>> {
    if (image === undefined) return succeed(undefined);
    if (!this.#options.confinement.canHaveImages) return fail('notPermitted', NOT_HERE);
    try {
      return succeed({ toolsDirectory: await this.#readyTools(), hasNames: network !== 'none' });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail('notPermitted', `this agent starts nothing in an image: ${why}`);
    }
  }

  #readyTools(): Promise<string> {
    const directory = path.join(this.#options.workDirectory, 'image-tools');
    this.#tools ??= prepareImageTools(directory).catch((error: unknown) => {
      this.#tools = undefined;
      throw error;
    });
    return this.#tools;
  }

  async #rootsInUse(): Promise<ReadonlySet<string>> {
    const { workDirectory, launcher } = this.#options;
    const runRoot = runRootOf(workDirectory);
    const roots = new Set<string>();
    const started = new Map<string, string>();
    for (const unit of await listRuns(runRoot)) {
      const runDirectory = path.join(runRoot, unit);
      const root = await rememberedRoot(runDirectory);
      if (root === undefined) continue;
      if (await hasStarted(runDirectory)) started.set(unit, root);
      else roots.add(root);
    }
    // After that: what starts meanwhile is in one of the two.
    const live = await launcher.list();
    for (const [unit, root] of started) if (live.has(unit)) roots.add(root);
    return roots;
  }
}

const NOT_HERE =
  'its image cannot be its root filesystem: that takes an agent that is root, and confines its tasks in scopes';

function failureOf({ source }: TaskImage, error: unknown): StepFailure {
  const { code, message } = fileFailure(error);
  const what = `image ${source}: ${message}`;
  if (error instanceof FetchFailure) return { code: error.code, message: what };
  return { code: code === 'diskFull' ? code : 'fetchFailed', message: what };
}
