// Decides how limits of a task on reading and writing its agent's disk are kept, on cgroup v2 and on v1, and says where they
// cannot be: pure. A task that asks for one is not run without it.
// Sources: systemd.resource-control(5), and its 252; the kernel's cgroup-v1/blkio-controller.rst and cgroup-v2.rst, "IO".

/** Of one disk: the one that holds the agent's work directory. Rates are of a second; what is left out is not limited. */
export type IoLimits = {
  /** Where its disk weighs: 1 to 10,000, and 100 for one that says nothing. */
  readonly weight?: number;
  readonly readBytes?: number;
  readonly writeBytes?: number;
  readonly readOperations?: number;
  readonly writeOperations?: number;
};

/** What there is to limit: the node of a whole disk; or why nothing can be, a sentence. */
export type IoHost = { readonly device: string } | { readonly lacks: string };

/** What systemd takes an amount for each device with: `a(st)`. */
export type DeviceLimit = {
  readonly name: DeviceLimitName;
  readonly devices: readonly (readonly [path: string, amount: bigint])[];
};
type DeviceLimitName = (typeof V2)[Rate] | Exclude<(typeof V1)[Rate], undefined>;
type Rate = Exclude<keyof IoLimits, 'weight'>;

const RATES = ['readBytes', 'writeBytes', 'readOperations', 'writeOperations'] as const;
const V2 = {
  readBytes: 'IOReadBandwidthMax',
  writeBytes: 'IOWriteBandwidthMax',
  readOperations: 'IOReadIOPSMax',
  writeOperations: 'IOWriteIOPSMax',
} as const;
/** The kernel could count operations there too; systemd has no word for it. */
const V1 = {
  readBytes: 'BlockIOReadBandwidth',
  writeBytes: 'BlockIOWriteBandwidth',
  readOperations: undefined,
  writeOperations: undefined,
} as const;
/** Of systemd, on v1: 10 to 1,000, and 500 for one that says nothing. */
const V1_WEIGHT = { least: 10, usual: 500, most: 1000 };
const USUAL_WEIGHT = 100;

/** Why these limits cannot be kept on this host, or undefined when they can. */
export function ioFault(
  limits: IoLimits | undefined,
  mode: 'v1' | 'v2',
  host: IoHost,
): string | undefined {
  if (limits === undefined) return undefined;
  if ('lacks' in host) return `limits on input and output cannot be kept here: ${host.lacks}`;
  const isCounted = limits.readOperations !== undefined || limits.writeOperations !== undefined;
  return mode === 'v1' && isCounted
    ? 'limits on operations per second cannot be kept here: they take cgroup v2, and this host has its controllers in v1 hierarchies'
    : undefined;
}

/** By device; a rate that is not limited is limited no more. */
export function deviceLimits(
  limits: IoLimits | undefined,
  mode: 'v1' | 'v2',
  device: string,
): DeviceLimit[] {
  return RATES.flatMap((rate) => {
    const name = (mode === 'v1' ? V1 : V2)[rate];
    const amount = limits?.[rate];
    if (name === undefined) return [];
    return [{ name, devices: amount === undefined ? [] : [[device, BigInt(amount)]] }];
  });
}

/** As systemd counts it; undefined for the usual. */
export function ioWeight(limits: IoLimits | undefined, mode: 'v1' | 'v2'): bigint | undefined {
  const weight = limits?.weight;
  if (weight === undefined || mode === 'v2') return weight === undefined ? weight : BigInt(weight);
  const { least, usual, most } = V1_WEIGHT;
  return BigInt(Math.min(most, Math.max(least, Math.round((weight * usual) / USUAL_WEIGHT))));
}
