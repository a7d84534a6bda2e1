// Owns what a framework of the third layer is told about itself. Types only.
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import type { UpdateHandler } from './framework-inbox.ts';
import type { ConnectOptions, FrameworkOptions as Who } from './scheduler-options.ts';
import type { SchedulerPorts } from './scheduler-ports.ts';

type Place =
  | (ConnectOptions & { readonly ports?: undefined })
  /** Anything that serves as a cluster. */
  | { readonly ports: SchedulerPorts; readonly connectTimeoutMs?: number };

export type FrameworkOptions<Payload> = Omit<Who, 'demand' | 'suppressed'> &
  Place & {
    /** In place of a loop over `updates()`. When it throws, the same update comes again. */
    readonly onUpdate?: UpdateHandler<Payload>;
    readonly onEvent?: (event: FrameworkEvent) => Promise<void> | void;
    /** Trouble that is not the end: the framework goes on by itself. A process warning when left out. */
    readonly onError?: (error: Error) => void;
    /** How often the desired list is read, beside `poke`. A minute when left out. */
    readonly refreshMs?: number;
  };
