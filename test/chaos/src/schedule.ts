// Owns what is done to a cluster and when: drawn from a seed alone, so that the same seed makes the same plan. Every
// kind of fault comes up before any comes again. Nodes of NATS are harmed one at a time, or killed all at once.
import { Random } from '@parley/test-simulation/random';
import { type Fault, type FaultKind, type PlannedFault, ROLES } from './faults.ts';
import { type Layout, NODES } from './layout.ts';

/** From one fault to the next. */
const GAP_MS = [600, 2600] as const;
const MAX_AT_ONCE = 3;
/** A node that is whole again takes in what it missed before another one may be harmed. */
const NODE_RECOVERY_MS = 8000;
/** How long a process is away that was killed or told to end: until it is started again, and a little. */
const AWAY_MS = 2000;

const DURATIONS: Readonly<Record<FaultKind, readonly [leastMs: number, mostMs: number]>> = {
  kill: [0, 0],
  restart: [0, 0],
  reboot: [0, 0],
  freeze: [1000, 9000],
  unplug: [1000, 12_000],
  deafen: [1000, 9000],
  mute: [1000, 9000],
  fillDisk: [2000, 8000],
  shiftClock: [3000, 10_000],
  delay: [3000, 10_000],
  reorder: [3000, 10_000],
  duplicate: [3000, 10_000],
};
const SHIFTS_SECONDS = [-86_400, -3600, -30, 30, 3600, 86_400];

const [
  LEADING_MASTER,
  STANDBY_MASTER,
  LEADING_ALLOCATOR,
  STANDBY_ALLOCATOR,
  JOURNAL_NODE,
  ALL_MASTERS,
  ALL_ALLOCATORS,
  ALL_NODES,
  ALL_FRAMEWORKS,
  HALF_OF_AGENTS,
] = ROLES;
const MASTER_FAULTS = ['kill', 'freeze', 'unplug', 'deafen', 'mute', 'shiftClock'] as const;
const NODE_FAULTS = ['kill', 'restart', 'freeze', 'unplug', 'deafen', 'mute', 'fillDisk'] as const;
const BUS_FAULTS = ['delay', 'reorder', 'duplicate'] as const;

type Kindred = { readonly kind: FaultKind; readonly targets: readonly string[] };

/** What there is to draw from. */
function catalogue({ agents, frameworks }: Layout): readonly Kindred[] {
  const of = (kinds: readonly FaultKind[], ...targets: readonly string[]): Kindred[] =>
    kinds.map((kind) => ({ kind, targets }));
  return [
    ...of(MASTER_FAULTS, LEADING_MASTER),
    ...of(['kill', 'freeze', 'unplug'], STANDBY_MASTER),
    ...of(['restart'], LEADING_MASTER, STANDBY_MASTER),
    ...of(['kill', 'freeze', 'unplug', 'mute', 'shiftClock'], LEADING_ALLOCATOR),
    ...of(['kill', 'freeze'], STANDBY_ALLOCATOR),
    ...of(['kill', 'freeze', 'unplug', 'deafen', 'mute', 'fillDisk', 'shiftClock'], ...agents),
    ...of(['kill', 'restart', 'reboot'], ...agents),
    ...of(['unplug'], HALF_OF_AGENTS),
    ...of(['kill', 'freeze', 'unplug', 'deafen', 'shiftClock'], ...frameworks),
    ...of(['kill'], ...frameworks),
    ...of(NODE_FAULTS, ...NODES, JOURNAL_NODE),
    ...of(['kill'], JOURNAL_NODE, ALL_NODES),
    ...of(['kill', 'freeze'], ALL_MASTERS),
    ...of(['kill'], ALL_ALLOCATORS, ALL_FRAMEWORKS),
    ...of([...BUS_FAULTS, ...BUS_FAULTS], ...NODES),
  ];
}

/** Faults in the order of their times; all are over after `durationMs`. */
export function drawSchedule(
  seed: number,
  layout: Layout,
  durationMs: number,
): readonly PlannedFault[] {
  const random = new Random(seed).derive('schedule');
  const all = catalogue(layout);
  const planned: PlannedFault[] = [];
  let bag: Kindred[] = [];
  let atMs = 0;
  for (;;) {
    atMs += random.between(...GAP_MS);
    if (atMs >= durationMs) return planned;
    if (bag.length === 0) bag = shuffled(all, random);
    const running = planned.filter((fault) => endOf(fault) > atMs);
    if (running.length >= MAX_AT_ONCE) continue;
    const drawn = drawFitting(bag, planned, { atMs, durationMs, random });
    if (drawn !== undefined) planned.push(drawn);
  }
}

type Moment = { readonly atMs: number; readonly durationMs: number; readonly random: Random };

/** The first of the bag that may happen now is taken out of it. */
function drawFitting(
  bag: Kindred[],
  planned: readonly PlannedFault[],
  { atMs, durationMs, random }: Moment,
): PlannedFault | undefined {
  for (const [index, { kind, targets }] of bag.entries()) {
    const fault: PlannedFault = {
      atMs,
      kind,
      target: random.pick(targets),
      forMs: random.between(...DURATIONS[kind]),
      ...(kind === 'shiftClock' && { shiftSeconds: random.pick(SHIFTS_SECONDS) }),
    };
    if (endOf(fault) > durationMs || collides(fault, planned)) continue;
    bag.splice(index, 1);
    return fault;
  }
  return undefined;
}

/** Harms one that is harmed already, or a second node. Roles may turn out to be anybody of their kind. */
function collides(fault: PlannedFault, planned: readonly PlannedFault[]): boolean {
  return planned.some((other) => {
    if (isNodeFault(fault) && isNodeFault(other)) {
      return endOf(other) + NODE_RECOVERY_MS > fault.atMs;
    }
    return other.target === fault.target && endOf(other) > fault.atMs;
  });
}

/** What is said late or twice before a node harms none of them. */
export const isNodeFault = ({ kind, target }: Fault): boolean =>
  !BUS_FAULTS.some((one) => one === kind) &&
  [JOURNAL_NODE, ALL_NODES, ...NODES].some((node) => node === target);

export const endOf = ({ atMs, forMs }: PlannedFault): number => atMs + Math.max(forMs, AWAY_MS);

function shuffled<One>(all: readonly One[], random: Random): One[] {
  const left = [...all];
  const mixed: One[] = [];
  while (left.length > 0) mixed.push(...left.splice(random.between(0, left.length - 1), 1));
  return mixed;
}
