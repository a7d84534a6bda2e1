// Owns how the cluster, or one agent of it, went lately, as the gateway has sampled it: fetched once, then what is new each
// second while somebody looks.
import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { ask } from './gateway.ts';
import { openedFile } from './past.ts';

type Amounts = Readonly<Record<string, number>>;
export type AmountSample = {
  /** Milliseconds since 1970. */
  readonly wallTimeMs: number;
  readonly total: Amounts;
  readonly allocated: Amounts;
  readonly offered: Amounts;
  readonly used?: Amounts;
};
export type Sample = AmountSample & {
  /** Divided by the weight of the framework's role; the largest first. */
  readonly shares: readonly {
    readonly framework: string;
    readonly name: string;
    readonly share: number;
    readonly resource?: string;
  }[];
};

const LOOK_MS = 1000;
const MAX_SAMPLES = 900;

const ofCluster = signal<readonly Sample[]>([]);

/** What is known stays for who looks again. */
export const useCourse = (): readonly Sample[] => useLooking('/v1/course', ofCluster);

export function useAgentCourse(agentId: string): readonly AmountSample[] {
  const samples = useMemo(() => signal<readonly AmountSample[]>([]), [agentId]);
  return useLooking(`/v1/agents/${encodeURIComponent(agentId)}/course`, samples);
}

/** While the component is there, and the page is seen, `samples` keeps up. */
function useLooking<One extends AmountSample>(
  path: string,
  samples: Signal<readonly One[]>,
): readonly One[] {
  useEffect(() => {
    let isOver = false;
    const look = async (): Promise<void> => {
      while (!isOver) {
        if (!document.hidden && openedFile.peek() === undefined) await learn(path, samples);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    };
    void look();
    return () => {
      isOver = true;
    };
  }, [path, samples]);
  return samples.value;
}

async function learn<One extends AmountSample>(
  path: string,
  samples: Signal<readonly One[]>,
): Promise<void> {
  const after = samples.peek().at(-1)?.wallTimeMs ?? 0;
  try {
    const more = await ask<{ samples: One[] }>(`${path}?after=${after}`);
    // Who looks twice asks twice, and is answered the same.
    const last = samples.peek().at(-1)?.wallTimeMs ?? 0;
    const fresh = more.samples.filter(({ wallTimeMs }) => wallTimeMs > last);
    if (fresh.length > 0) samples.value = [...samples.peek(), ...fresh].slice(-MAX_SAMPLES);
  } catch {
    // The frame says when the gateway is away; what is known stays.
  }
}
