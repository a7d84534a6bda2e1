// Owns the pictures of the scale benchmark: latency by number of agents, utilisation and shares over time.
import { linePicture } from '../line-picture.ts';
import { median } from '../measurement.ts';
import { writePicture } from '../virtual/virtual-options.ts';
import type { KeptRun } from './kept-runs.ts';

const BLUE = '#1f77b4';
const ORANGE = '#ff7f0e';
const GREEN = '#2ca02c';

/** `runs` by their numbers of agents: what is drawn over time is of the last. */
export function drawScale(folder: string, runs: readonly KeptRun[]): void {
  const write = (name: string, picture: string): void => writePicture(folder, name, picture);
  write(
    'scale-latency',
    linePicture(
      {
        title: 'What the cluster adds to a task of a framework that comes to it',
        caption: 'agents; milliseconds upwards',
        isLogarithmic: true,
      },
      [
        line('the middle probe', BLUE, runs, ({ probesMs }) => median(probesMs)),
        line('the slowest probe', ORANGE, runs, ({ probesMs }) => Math.max(...probesMs)),
      ],
    ),
  );
  const largest = runs.at(-1);
  if (largest === undefined) return;
  const { agents, samples } = largest;
  const caption = 'seconds; per cent upwards';
  const share = (name: string, colour: string, place: 0 | 1 | 2) => ({
    ...{ name, colour },
    points: samples.map(({ seconds, shares }) => [seconds, shares[place] * 100] as const),
  });
  write(
    'scale-utilisation',
    linePicture({ title: `Allocated CPUs of ${agents} agents`, caption, top: 100 }, [
      {
        ...{ name: 'allocated', colour: BLUE },
        points: samples.map(({ seconds, allocated }) => [seconds, allocated * 100] as const),
      },
    ]),
  );
  write(
    'scale-shares',
    linePicture({ title: `Shares of frameworks in ${agents} agents`, caption }, [
      share('the most', ORANGE, 2),
      share('in the middle', BLUE, 1),
      share('the least', GREEN, 0),
    ]),
  );
}

function line(name: string, colour: string, runs: readonly KeptRun[], y: (run: KeptRun) => number) {
  return { name, colour, points: runs.map((run) => [run.agents, y(run)] as const) };
}
