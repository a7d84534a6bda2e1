// Owns drawing latencies: one line a series, percentile by percentile, as a self-contained SVG. It measures nothing.
import { percentile } from '../measurement.ts';

export type Series = {
  readonly name: string;
  readonly colour: string;
  readonly latenciesMs: readonly number[];
};

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 56;
const RIGHT = 16;
const TOP = 40;
const BOTTOM = 48;
const PERCENTILES = Array.from({ length: 99 }, (_, index) => index + 1);
const GRID_LINES = 5;

export function percentilePicture(title: string, series: readonly Series[]): string {
  const topMs = Math.max(...series.map(({ latenciesMs }) => percentile(latenciesMs, 99)));
  const x = (percent: number): string =>
    (LEFT + ((WIDTH - LEFT - RIGHT) * percent) / 100).toFixed(1);
  const y = (ms: number): string =>
    (HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * ms) / topMs).toFixed(1);
  const lines = series.map(({ colour, latenciesMs }) => {
    const points = PERCENTILES.map((each) => `${x(each)},${y(percentile(latenciesMs, each))}`);
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(' ')}"/>`;
  });
  const legend = series.map(({ name, colour }, index) => {
    const at = TOP + 16 * (index + 1);
    return `<text x="${LEFT + 12}" y="${at}" fill="${colour}">${name}</text>`;
  });
  const rows = Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const ms = (topMs * index) / GRID_LINES;
    return `<path d="M${LEFT} ${y(ms)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(ms)}" text-anchor="end" dominant-baseline="middle">${ms.toFixed(0)}</text>`;
  });
  const columns = [1, 25, 50, 75, 90, 99].map(
    (each) =>
      `<text x="${x(each)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">p${each}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="22" font-size="14">${title}</text>
${[...rows, ...columns, ...lines, ...legend].join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">percentile of requests; milliseconds upwards</text>
</svg>
`;
}
