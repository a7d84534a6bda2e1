// Owns the track of the bar of time on a canvas: a column for each stretch, a sign for what stands out, a line where one is.
// It is a slider: dragged, or moved with the arrow keys.
import { useEffect, useRef } from 'preact/hooks';
import { showIso } from '../format/times.ts';
import { type Counted, densityOf, type MarkKind } from './density.ts';

export type BarMark = {
  readonly wallTimeMs: number;
  readonly kind: MarkKind;
  readonly text: string;
};
export type TrackProps = {
  readonly range: { readonly fromMs: number; readonly toMs: number };
  readonly counted: Counted | undefined;
  readonly heard: readonly { readonly wallTimeMs: number }[];
  readonly marks: readonly BarMark[];
  /** Undefined: the present. */
  readonly atMs: number | undefined;
  readonly onSeek: (wallTimeMs: number) => void;
};

const HEIGHT = 34;
/** A stretch is so wide, in pixels. */
const COLUMN = 4;
const KEY_PARTS = 100;

export function TimeTrack(props: TrackProps) {
  const { range, atMs, onSeek, marks } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const dragging = useRef(false);
  useEffect(() => {
    const frame = requestAnimationFrame(
      () => canvas.current !== null && draw(canvas.current, props),
    );
    return () => cancelAnimationFrame(frame);
  });
  const timeAt = (event: PointerEvent): number => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return Math.round(range.fromMs + part * (range.toMs - range.fromMs));
  };
  const nearest = (wallTimeMs: number): BarMark | undefined =>
    marks.find(
      (mark) => Math.abs(mark.wallTimeMs - wallTimeMs) < (range.toMs - range.fromMs) / 150,
    );
  return (
    <canvas
      ref={canvas}
      class="track"
      role="slider"
      tabIndex={0}
      aria-label="moment"
      aria-valuemin={range.fromMs}
      aria-valuemax={range.toMs}
      aria-valuenow={atMs ?? range.toMs}
      aria-valuetext={atMs === undefined ? 'now' : showIso(atMs)}
      onPointerDown={(event) => {
        dragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        onSeek(timeAt(event));
      }}
      onPointerMove={(event) => {
        const here = timeAt(event);
        if (dragging.current) onSeek(here);
        else event.currentTarget.title = nearest(here)?.text ?? showIso(here);
      }}
      onPointerUp={() => {
        dragging.current = false;
      }}
      onKeyDown={(event) => {
        const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
        if (by === 0) return;
        event.preventDefault();
        const step = (range.toMs - range.fromMs) / KEY_PARTS;
        onSeek(Math.round(Math.max(range.fromMs, (atMs ?? range.toMs) + by * step)));
      }}
    />
  );
}

const SIGNS: Readonly<Record<MarkKind, readonly [string, string]>> = {
  leaderChange: ['▲', '--allocated'],
  agentLost: ['✕', '--bad'],
  frameworkFailover: ['◆', '--offered'],
  taskFailed: ['!', '--bad'],
};

function draw(canvas: HTMLCanvasElement, { range, counted, heard, marks, atMs }: TrackProps): void {
  const width = canvas.clientWidth;
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = HEIGHT * ratio;
  const pen = canvas.getContext('2d');
  if (pen === null || width === 0) return;
  const style = getComputedStyle(canvas);
  pen.scale(ratio, ratio);
  const buckets = Math.max(1, Math.floor(width / COLUMN));
  const density = densityOf(counted, heard, { ...range, buckets });
  const most = Math.max(1, ...density);
  pen.fillStyle = style.getPropertyValue('--soft');
  for (const [index, count] of density.entries()) {
    // Few events beside many are still seen.
    const height = count === 0 ? 0 : Math.max(2, (HEIGHT - 14) * Math.sqrt(count / most));
    pen.fillRect(index * COLUMN, HEIGHT - height, COLUMN - 1, height);
  }
  const x = (wallTimeMs: number): number =>
    (width * (wallTimeMs - range.fromMs)) / (range.toMs - range.fromMs);
  pen.font = '10px system-ui, sans-serif';
  pen.textAlign = 'center';
  for (const { wallTimeMs, kind } of marks) {
    const [sign, colour] = SIGNS[kind];
    pen.fillStyle = style.getPropertyValue(colour);
    pen.fillText(sign, Math.min(width - 6, Math.max(6, x(wallTimeMs))), 10);
  }
  if (atMs === undefined) return;
  pen.fillStyle = style.getPropertyValue('--past');
  pen.fillRect(Math.min(width - 2, x(atMs)), 0, 2, HEIGHT);
}
