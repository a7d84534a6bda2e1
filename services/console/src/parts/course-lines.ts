// Owns what the charts of the overview draw, out of samples: lines of a resource, and of shares by framework. Pure.
import type { AmountSample, Sample } from '../data/course.ts';

/** As uPlot takes it: seconds, then a row for each line; null where nothing is known. */
export type Lines = {
  readonly names: readonly string[];
  readonly data: readonly (readonly (number | null)[])[];
};

/** Parts of all there is, in percent, so that resources compare. */
export function resourceLines(samples: readonly AmountSample[], resource: string): Lines {
  const part = (
    amounts: Readonly<Record<string, number>> | undefined,
    sample: AmountSample,
  ): number | null => {
    const total = sample.total[resource] ?? 0;
    const amount = amounts?.[resource] ?? (amounts === undefined ? undefined : 0);
    return total === 0 || amount === undefined ? null : (100 * amount) / total;
  };
  // What agents measure is of some resources only.
  const usedOf = (sample: AmountSample) =>
    sample.used?.[resource] === undefined ? undefined : sample.used;
  return {
    names: ['used', 'allocated', 'allocated and offered'],
    data: [
      samples.map(({ wallTimeMs }) => wallTimeMs / 1000),
      samples.map((sample) => part(usedOf(sample), sample)),
      samples.map((sample) => part(sample.allocated, sample)),
      samples.map((sample) => {
        const [allocated, offered] = [part(sample.allocated, sample), part(sample.offered, sample)];
        return allocated === null || offered === null ? null : allocated + offered;
      }),
    ],
  };
}

export const MAX_LINES = 12;

/** Of the frameworks with the largest shares at any time that is shown; the letter of the resource that is dominant now. */
export function shareLines(samples: readonly Sample[]): Lines {
  const most = new Map<string, number>();
  const words = new Map<string, string>();
  for (const { shares } of samples) {
    for (const { framework, name, share, resource } of shares) {
      most.set(framework, Math.max(share, most.get(framework) ?? 0));
      words.set(framework, `${name || framework}${resource === undefined ? '' : ` (${resource})`}`);
    }
  }
  const chosen = [...most]
    .sort((a, b) => b[1] - a[1])
    .slice(0, MAX_LINES)
    .map(([framework]) => framework);
  return {
    names: chosen.map((framework) => words.get(framework) ?? framework),
    data: [
      samples.map(({ wallTimeMs }) => wallTimeMs / 1000),
      ...chosen.map((framework) =>
        samples.map(({ shares }) => {
          const found = shares.find((one) => one.framework === framework);
          return found === undefined ? null : 100 * found.share;
        }),
      ),
    ],
  };
}

/** Of one framework, beside the part that each would have if all had the same. */
export function shareLineOf(samples: readonly Sample[], framework: string): Lines {
  const own = shareLines(
    samples.map((sample) => ({
      ...sample,
      shares: sample.shares.filter((one) => one.framework === framework),
    })),
  );
  const equal = samples.map(({ shares }) => (shares.length === 0 ? null : 100 / shares.length));
  return { names: [...own.names, 'equal parts'], data: [...own.data, equal] };
}
