// Owns the vocabulary of faults: what may be done to whom, and how a fault is told. Pure data; doing it is inflict.ts.

/** Whoever it is at the moment of the fault is meant by a role; anything else names a host. */
export const ROLES = [
  'the leading master',
  'the master that stands by',
  'the leading allocator',
  'the allocator that stands by',
  'the node that leads the journal',
] as const;

export const FAULT_KINDS = [
  'kill',
  'freeze',
  'unplug',
  'deafen',
  'mute',
  'fillDisk',
  'shiftClock',
  'restart',
  'delay',
  'reorder',
  'duplicate',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type Fault = {
  readonly kind: FaultKind;
  /** A role or the name of a host. */
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
    case 'restart':
      return `${target} is told to end, and started again`;
    case 'freeze':
      return `${target} is stopped ${time}`;
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
