// Owns the lives of offers on one canvas: from made to ended, coloured and shaped by how they ended; a gap is an agent of which
// nothing was offered. The list beside it says the same in words.
import type { OfferRow } from '@parley/cluster-view/view';
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, showCount } from '../format/amounts.ts';
import { showDuration } from '../format/times.ts';
import { Empty } from './command.tsx';
import { type Life, type Lives, lifeAt, livesOf } from './life-geometry.ts';

const ROW_HEIGHT = 18;
const LABEL_WIDTH = 110;
const MAX_ROWS = 200;
const SPANS = [30_000, 120_000, 600_000] as const;

export function LifeLines({
  offers,
  known,
}: {
  readonly offers: readonly OfferRow[];
  /** How many there are with those that are not drawn. */
  readonly known: number;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [spanMs, setSpan] = useState<number>(SPANS[1]);
  const [pointed, setPointed] = useState<Life | undefined>(undefined);
  const width = (canvas.current?.parentElement?.clientWidth ?? 900) - LABEL_WIDTH;
  const toMs = Math.max(0, ...offers.map(({ madeAtMs, endedAtMs }) => endedAtMs ?? madeAtMs));
  const lives = livesOf(offers, { fromMs: toMs - spanMs, toMs, width });
  useEffect(() => {
    if (canvas.current !== null) draw(canvas.current, lives, width);
  });
  return (
    <section aria-label="lives of offers">
      <p class="links">
        {SPANS.map((span) => (
          <button
            key={span}
            type="button"
            aria-pressed={span === spanMs}
            onClick={() => setSpan(span)}
          >
            {showDuration(span)}
          </button>
        ))}
        <span class="legend">
          <span class="accepted">■ accepted</span> <span class="declined">▤ declined</span>{' '}
          <span class="rescinded">▨ rescinded</span> <span class="outstanding">□ outstanding</span>
        </span>
        <span class="soft" role="status">
          {counted(known, 'offer')}
          {lives.lives.length < known && `, ${showCount(lives.lives.length)} of them in this time`}
          {lives.agents.length > MAX_ROWS && `, of the first ${showCount(MAX_ROWS)} agents`}
          {pointed !== undefined && ` · ${sayOf(pointed)}`}
        </span>
      </p>
      {offers.length === 0 && <Empty words="Nothing was offered of late." />}
      <canvas
        ref={canvas}
        role="img"
        aria-label={`the lives of ${counted(lives.lives.length, 'offer')} of ${counted(lives.agents.length, 'agent')}`}
        onMouseMove={({ offsetX, offsetY }) =>
          setPointed(lifeAt(lives, { x: offsetX - LABEL_WIDTH, y: offsetY, rowHeight: ROW_HEIGHT }))
        }
        onMouseLeave={() => setPointed(undefined)}
      />
    </section>
  );
}

function sayOf({ offer }: Life): string {
  const lasted =
    offer.endedAtMs === undefined ? '' : ` after ${showDuration(offer.endedAtMs - offer.madeAtMs)}`;
  return `${offer.agentId} to ${offer.principal}/${offer.frameworkId}: ${offer.outcome ?? 'outstanding'}${lasted}`;
}

function draw(canvas: HTMLCanvasElement, { agents, lives }: Lives, width: number): void {
  const rows = Math.min(MAX_ROWS, agents.length);
  const ratio = devicePixelRatio;
  canvas.width = (width + LABEL_WIDTH) * ratio;
  canvas.height = Math.max(1, rows * ROW_HEIGHT * ratio);
  canvas.style.width = `${width + LABEL_WIDTH}px`;
  canvas.style.height = `${rows * ROW_HEIGHT}px`;
  const pen = canvas.getContext('2d');
  if (pen === null) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name);
  pen.scale(ratio, ratio);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  for (const [row, agentId] of agents.slice(0, rows).entries()) {
    pen.fillStyle = colour('--soft');
    pen.fillText(agentId, 0, (row + 0.5) * ROW_HEIGHT, LABEL_WIDTH - 8);
    pen.fillStyle = colour('--line');
    pen.fillRect(LABEL_WIDTH, (row + 1) * ROW_HEIGHT - 1, width, 1);
  }
  for (const life of lives) {
    if (life.row >= rows) continue;
    const x = LABEL_WIDTH + life.x;
    const y = life.row * ROW_HEIGHT + 3;
    const outcome = (life.offer.outcome ?? 'outstanding').split(':')[0] ?? '';
    const [name, height] = LOOKS[outcome] ?? ['--soft', 11];
    pen.strokeStyle = colour(name);
    pen.fillStyle = colour(name);
    if (outcome === 'outstanding') pen.strokeRect(x + 0.5, y + 0.5, life.width - 1, height);
    else pen.fillRect(x, y + (11 - height), life.width, height);
  }
}

/** Colour and height: the height says it too. */
const LOOKS: Readonly<Record<string, readonly [string, number]>> = {
  accepted: ['--allocated', 11],
  declined: ['--soft', 5],
  rescinded: ['--offered', 3],
  outstanding: ['--ink', 10],
};
