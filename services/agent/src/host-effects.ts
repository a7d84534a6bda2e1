// Carries out what the supervisor's effects ask of this host for a task: its sandbox, its process, its probes, copies
// in and out. It says what came of each as the supervisor's next input, and decides nothing.
import type { TaskKey, TaskRef } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { DiskBudget } from './disk-budget.ts';
import type { ExecutorHost } from './executors/executor-host.ts';
import type { Fetcher } from './fetching/fetcher.ts';
import type { GroupDirectories } from './group-directories.ts';
import type { TaskImages } from './images/task-images.ts';
import { probeHttp, probeTcp } from './network-probes.ts';
import type { ObjectCopies } from './object-copies.ts';
import { SandboxSetup } from './sandbox-setup.ts';
import {
  type StepFailure,
  type SupervisorEffect,
  type SupervisorInput,
  stepFailureOf,
} from './supervisor-messages.ts';
import type { ProbeAnswer } from './task-checks.ts';
import { describeProbe, noResult } from './task-checks.ts';
import type { TaskConfinement } from './task-confinement.ts';
import type { TaskHost } from './task-host.ts';
import { diskLimitMibOf } from './task-limits.ts';
import type { VolumeStore } from './volume-store.ts';

type Effect<Kind extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: Kind }>;
export type HostEffect = Effect<'copyInputs' | 'launch' | 'copyOutputs' | 'probe'>;

export type HostEffectsOptions = {
  readonly host: TaskHost;
  readonly executors: ExecutorHost;
  readonly copies: ObjectCopies;
  readonly fetcher: Fetcher;
  readonly images: TaskImages;
  readonly volumes: VolumeStore;
  readonly groups: GroupDirectories;
  readonly confinement: TaskConfinement;
};

export class HostEffects {
  readonly #options: HostEffectsOptions;
  readonly #setup: SandboxSetup;
  readonly #copying = new Map<TaskKey, AbortController>();

  constructor(options: HostEffectsOptions) {
    this.#options = options;
    this.#setup = new SandboxSetup(options);
  }

  /** Rejects only for a defect. */
  carryOut(effect: HostEffect): Promise<SupervisorInput> {
    switch (effect.kind) {
      case 'copyInputs':
        return this.#copyInputs(effect);
      case 'launch':
        return this.#launch(effect);
      case 'copyOutputs':
        return this.#copyOutputs(effect);
      case 'probe':
        return this.#probe(effect);
      default:
        return unreachable(effect);
    }
  }

  /** The task is over: what is being copied for it is not wanted any more. */
  stopCopying(task: TaskKey): void {
    this.#copying.get(task)?.abort(new Error('the task is over'));
  }

  async #copyInputs(effect: Effect<'copyInputs'>): Promise<SupervisorInput> {
    const { task } = effect;
    const failure = await this.#untilStopped(task, (signal) => this.#fillSandbox(effect, signal));
    if (failure === undefined) return { kind: 'inputsCopied', task };
    await this.#releaseImage(effect.ref);
    return { kind: 'inputsFailed', task, failure };
  }

  async #fillSandbox(
    { ref, order, executor }: Effect<'copyInputs'>,
    signal: AbortSignal,
  ): Promise<StepFailure | undefined> {
    const { fetcher, copies } = this.#options;
    const failure = await this.#setup.prepare(ref, order, executor);
    if (failure !== undefined) return failure;
    const { sandboxDirectory, runDirectory } = this.#setup.directoriesOf(ref, executor);
    const { principal } = ref;
    const rootless = await this.#options.images.prepare(runDirectory, principal, order.description);
    if (rootless !== undefined) return rootless;
    const { uris = [], inputs: transfers } = order.description;
    const budget = new DiskBudget(diskLimitMibOf([order.description]));
    const place = { principal, sandboxDirectory, signal, budget };
    const fetched = await fetcher.fetch({ ...place, uris });
    if (fetched !== undefined) return fetched;
    const copied = await copies.copyIn({ ...place, transfers });
    return copied.ok ? undefined : copied.failure;
  }

  /** What is done for the task until `stopCopying`. */
  async #untilStopped<Value>(
    task: TaskKey,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const copying = new AbortController();
    this.#copying.set(task, copying);
    try {
      return await work(copying.signal);
    } finally {
      if (this.#copying.get(task) === copying) this.#copying.delete(task);
    }
  }

  async #launch(effect: Effect<'launch'>): Promise<SupervisorInput> {
    const { task, ref, description } = effect;
    const outcome = await this.#options.host.launch(ref, description, this.#groupOf(effect));
    if (outcome.ok) return { kind: 'launched', task };
    await this.#releaseImage(ref);
    const failure = stepFailureOf(outcome.failure);
    return { kind: 'launchFailed', task, failure };
  }

  /** A task of an executor has none of its own. */
  #releaseImage(ref: TaskRef): Promise<void> {
    const { runDirectory } = this.#setup.directoriesOf(ref, undefined);
    return this.#options.images.release(runDirectory);
  }

  async #copyOutputs(effect: Effect<'copyOutputs'>): Promise<SupervisorInput> {
    const { task, ref, outputs, executor } = effect;
    const { sandboxDirectory } = this.#setup.directoriesOf(ref, executor);
    const { principal } = ref;
    const request = { principal, sandboxDirectory, transfers: outputs };
    const copied = await this.#untilStopped(task, (signal) =>
      this.#options.copies.copyOut({ ...request, signal }),
    );
    return copied.ok
      ? { kind: 'outputsCopied', task }
      : { kind: 'outputsFailed', task, failure: copied.failure };
  }

  /** Every probe has an answer: one that cannot be made at all has no result. */
  async #probe(effect: Effect<'probe'>): Promise<SupervisorInput> {
    const { task, aim, probe } = effect;
    try {
      return { kind: 'probed', task, aim, answer: await this.#answerOf(effect) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const answer = { result: noResult(probe), detail: `${describeProbe(probe)}: ${why}` };
      return { kind: 'probed', task, aim, answer };
    }
  }

  #answerOf(effect: Effect<'probe'>): Promise<ProbeAnswer> {
    const { probe, timeoutMs, ref, description } = effect;
    switch (probe.kind) {
      case 'http':
        return probeHttp(probe, this.#options.host.addressOf(ref), timeoutMs);
      case 'tcp':
        return probeTcp(probe, this.#options.host.addressOf(ref), timeoutMs);
      case 'command': {
        const groupDirectory = this.#groupOf(effect);
        return this.#options.host.probe({ ref, description, groupDirectory, probe, timeoutMs });
      }
      default:
        return unreachable(probe);
    }
  }

  #groupOf({ ref, executorId }: Effect<'launch' | 'probe'>): string | undefined {
    return executorId && this.#options.groups.sharedOf(ref, executorId);
  }
}
