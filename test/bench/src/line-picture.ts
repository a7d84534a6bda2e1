// Owns drawing figures over something that grows, such as time: one line a series, as a self-contained SVG. It measures nothing.

export type Line = {
  readonly name: string;
  readonly colour: string;
  /** In order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
};

export type Axes = {
  readonly title: string;
  /** What is said below, of both axes. */
  readonly caption: string;
  /** Equal factors are equal distances. */
  readonly isLogarithmic?: boolean;
  /** At least so high. */
  readonly top?: number;
};

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 64;
const RIGHT = 16;
const TOP = 40;
const BOTTOM = 48;
const GRID_LINES = 5;

export function linePicture(
  { title, caption, isLogarithmic, top = 0 }: Axes,
  lines: readonly Line[],
): string {
  const all = lines.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([each]) => each))].sort((a, b) => a - b);
  const scale = (each: number): number => (isLogarithmic === true ? Math.log(each) : each);
  const [first = 0, last = 1] = [scale(xs[0] ?? 0), scale(xs.at(-1) ?? 1)];
  const highest = Math.max(top, ...all.map(([, each]) => each)) || 1;
  const x = (each: number): string =>
    (LEFT + ((WIDTH - LEFT - RIGHT) * (scale(each) - first)) / (last - first || 1)).toFixed(1);
  const y = (each: number): string =>
    (HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * each) / highest).toFixed(1);
  const rows = Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const each = (highest * index) / GRID_LINES;
    return `<path d="M${LEFT} ${y(each)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(each)}" text-anchor="end" dominant-baseline="middle">${shown(each)}</text>`;
  });
  const columns = marked(xs).map(
    (each) =>
      `<text x="${x(each)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${shown(each)}</text>`,
  );
  const drawn = lines.map(({ colour, points }) => {
    const corners = points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${corners}"/>`;
  });
  const legend = lines.map(({ name, colour }, index) => {
    const at = TOP + 16 * (index + 1);
    return `<text x="${LEFT + 12}" y="${at}" fill="${colour}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="22" font-size="14">${title}</text>
${[...rows, ...columns, ...drawn, ...legend].join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">${caption}</text>
</svg>
`;
}

/** As many as there is room for. */
function marked(xs: readonly number[]): number[] {
  const every = Math.max(1, Math.ceil(xs.length / 8));
  return xs.filter((_, index) => index % every === 0);
}

const shown = (value: number): string => String(Number(value.toPrecision(3)));
