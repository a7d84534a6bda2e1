// Owns the vocabulary of faults: what may be done to whom, and how a fault is told. Pure data; doing it is inflict.ts.

/** Who is meant is known at the moment of the fault, by role, or as several at once; anything else names a host. */
export const ROLES = [
  'the leading master',
  'the master that stands by',
  'the leading allocator',
  'the allocator that stands by',
  'the node that leads the journal',
  'all masters',
  'all allocators',
  'all nodes of NATS',
  'all frameworks',
  'half of the agents',
] as const;

export const FAULT_KINDS = [
  'kill',
  'freeze',
  'unplug',
  'deafen',
  'mute',
  'fillDisk',
  'reboot',
  'shiftClock',
  'restart',
  'delay',
  'reorder',
  'duplicate',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type Fault = {
  readonly kind: FaultKind;
  /** One of these or the name of a host. */
  readonly target: string;
  /** How long it lasts; 0 for what is done at once. */
  readonly forMs: number;
  /** Of a clock. */
  readonly shiftSeconds?: number;
};

export type PlannedFault = Fault & { readonly atMs: number };

export function describeFault({ kind, target, forMs, shiftSeconds }: Fault): string {
  const time = `for ${(forMs / 1000).toFixed(1)} s`;
  switch (kind) {
    case 'kill':
      return `kill -9 of ${target}`;
    case 'reboot':
      return `the host of ${target} is reset, and its tasks with it`;
    case 'restart':
      return `${target} is told to end, and started again`;
    case 'freeze':
      return `SIGSTOP of ${target} ${time}`;
    case 'unplug':
      return `the link of ${target} is down ${time}`;
    case 'deafen':
      return `nothing reaches ${target} ${time}; it is heard`;
    case 'mute':
      return `nothing leaves ${target} ${time}; it hears`;
    case 'fillDisk':
      return `the disk of ${target} is full ${time}`;
    case 'shiftClock':
      return `the clock of ${target} jumps by ${shiftSeconds} s, and back after ${(forMs / 1000).toFixed(1)} s`;
    case 'delay':
      return `what clients say to ${target} is late ${time}`;
    case 'reorder':
      return `requests and answers to ${target} overtake one another ${time}`;
    case 'duplicate':
      return `requests and answers to ${target} come twice ${time}`;
  }
}
