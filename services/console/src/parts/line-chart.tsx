// Owns a chart of lines over time, drawn by uPlot, which is loaded when the first is shown. Lines differ by their dashes too.
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { clockOf } from '../data/zone.ts';
import type { Lines } from './course-lines.ts';

const HEIGHT = 170;
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]] as const;
const COLOURS = ['--allocated', '--offered', '--good', '--bad', '--ink', '--soft'] as const;

export function LineChart({ label, lines }: { readonly label: string; readonly lines: Lines }) {
  const root = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const data = useRef(lines.data);
  data.current = lines.data;
  const key = lines.names.join('\n');
  useEffect(() => {
    const element = root.current;
    if (element === null || key === '') return undefined;
    let isOver = false;
    const make = async (): Promise<void> => {
      const [{ default: UPlot }] = await Promise.all([
        import('uplot'),
        import('uplot/dist/uPlot.min.css'),
      ]);
      if (isOver) return;
      const options = optionsOf(element, key.split('\n'));
      chart.current = new UPlot(options, asUPlot(data.current), element);
    };
    void make();
    const resize = new ResizeObserver(() =>
      chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resize.observe(element);
    return () => {
      isOver = true;
      resize.disconnect();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [key]);
  useEffect(() => {
    if (document.hidden) return undefined;
    const frame = requestAnimationFrame(() => chart.current?.setData(asUPlot(lines.data)));
    return () => cancelAnimationFrame(frame);
  });
  return <div class="chart" ref={root} role="img" aria-label={`${label}: ${sayOf(lines)}`} />;
}

/** It takes rows that it does not change. */
const asUPlot = (data: Lines['data']) => data as unknown as uPlot.AlignedData;

/** The last of each line, for who does not see it. */
function sayOf({ names, data }: Lines): string {
  return names
    .map((name, index) => {
      const last = data[index + 1]?.at(-1);
      return `${name} ${last == null ? 'not known' : `${Math.round(last)} %`}`;
    })
    .join(', ');
}

function optionsOf(element: HTMLElement, names: readonly string[]): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name);
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line') },
    ticks: { stroke: colour('--line') },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { y: false },
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(high ?? 0, 10) * 1.05] } },
    axes: [
      {
        ...axis,
        space: 80,
        values: (_chart, values) => values.map((value) => clockOf(1000 * value)),
      },
      { ...axis, values: (_chart, values) => values.map((value) => `${value} %`) },
    ],
    series: [
      {
        value: (_chart: uPlot, value: number | null) =>
          value === null ? '–' : clockOf(1000 * value),
      },
      ...names.map((label, index) => ({
        label,
        width: 1.5,
        stroke: colour(COLOURS[index % COLOURS.length] ?? '--ink'),
        dash: [...(DASHES[Math.floor(index / COLOURS.length) % DASHES.length] ?? [])],
        value: (_chart: uPlot, value: number | null) =>
          value === null ? '–' : `${value.toFixed(1)} %`,
      })),
    ],
  };
}
