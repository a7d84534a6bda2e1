// Owns what an agent does all the time about the sandboxes on its disk: none holds more than it may, no volume either, outputs
// stay bounded, what is over goes in time. What is done when is in disk-watch.ts, output-limits.ts and sandbox-collector.ts.
import path from 'node:path';
import { systemClock } from '@parley/actor/nats/system-clock';
import { writtenDirectoryOf } from '@parley/isolation/image-root';
import { temporaryDirectoryOf } from '@parley/isolation/run-directory';
import { runRootOf } from '@parley/isolation/sandbox';
import type { Logger } from '@parley/telemetry/logger';
import { diskShares, exceeded } from './disk-shares.ts';
import { DiskWatch } from './disk-watch.ts';
import type { ExecutorShell } from './executors/executor-shell.ts';
import { OutputLimits } from './output-limits.ts';
import { SandboxCollector } from './sandbox-collector.ts';
import type { SandboxLimits } from './sandbox-options.ts';
import type { SandboxRetention } from './sandbox-retention.ts';
import type { Supervisor } from './supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import type { TaskHost } from './task-host.ts';
import { volumeDirectoryOf } from './volume-store.ts';

export type SandboxCareOptions = {
  readonly workDirectory: string;
  readonly limits: SandboxLimits;
  readonly supervisor: Supervisor;
  readonly host: TaskHost;
  readonly executors: ExecutorShell;
  readonly retention: SandboxRetention;
  /** Units that may have a process. */
  readonly running: () => Iterable<string>;
  readonly dispatch: (input: SupervisorInput) => void;
  readonly logger: Logger;
};

export class SandboxCare {
  readonly #disk: DiskWatch;
  readonly #outputs: OutputLimits;
  readonly #collector: SandboxCollector;
  readonly #runRoot: string;

  constructor(options: SandboxCareOptions) {
    const { workDirectory, limits, supervisor, host, executors, logger } = options;
    const runRoot = runRootOf(workDirectory);
    this.#runRoot = runRoot;
    this.#outputs = new OutputLimits({
      limitBytes: limits.outputLimitBytes,
      runs: () => [...options.running()].map((unit) => path.join(runRoot, unit)),
      nowMs: systemClock.nowMs,
      onTrouble: (trouble) => logger.warn({ trouble }, 'outputs of tasks'),
    });
    this.#disk = new DiskWatch({
      intervalMs: limits.diskCheckMs,
      shares: () => diskShares([...supervisor.tasks()], executors.live()),
      directoriesOf: ({ owner, volume }) => {
        if (volume !== undefined) return [volumeDirectoryOf(workDirectory, volume)];
        const { sandboxDirectory, runDirectory } =
          'executor' in owner ? executors.host.directoriesOf(owner) : host.directoriesOf(owner);
        return [
          sandboxDirectory,
          temporaryDirectoryOf(runDirectory),
          writtenDirectoryOf(runDirectory),
        ];
      },
      // What an output has too much is given back before it counts against the task.
      before: () => this.#outputs.look(true),
      onExceeded: (share, excess) => {
        const what = share.volume === undefined ? 'a sandbox' : 'a volume';
        logger.warn(
          { ...share.owner, ...share.volume, ...excess },
          `${what} holds more than it may`,
        );
        options.dispatch(exceeded(share, excess));
      },
      onTrouble: (trouble) => logger.error({ trouble }, 'measuring sandboxes and volumes failed'),
    });
    this.#collector = new SandboxCollector({
      workDirectory,
      rules: limits.collection,
      kept: [options.retention, executors.retention],
      wallTimeMs: systemClock.wallTimeMs,
      onCollected: (sandboxes) => logger.warn({ sandboxes }, 'sandboxes removed for want of room'),
      onFailure: (err) => logger.error({ err }, 'looking for old sandboxes failed'),
    });
  }

  begin(): void {
    this.#outputs.begin();
    this.#disk.begin();
    this.#collector.begin();
  }

  unitEnded(unit: string): void {
    void this.#outputs.ended(path.join(this.#runRoot, unit));
  }

  close(): void {
    this.#outputs.close();
    this.#disk.close();
    this.#collector.close();
  }
}
