// Owns agents as cells of a grid on one canvas: the darker, the more of them is allocated; a cross where one is unreachable,
// a bar where it drains. Each can be pointed at, or moved to by keys; more than one answer holds are several grids.
import type { AgentRow } from '@parley/cluster-view/view';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useRows } from '../data/rows.ts';
import { byUse, counted, showCount, showPercent } from '../format/amounts.ts';
import { go, linkTo } from '../navigation.ts';
import { cellAt, type Grid, gridOf } from './heat-cells.ts';

/** What one answer of the gateway holds at most: of more agents there are several grids, that of the fullest first. */
const MAX_CELLS = 1000;

export function HeatGrid() {
  const [resource, setResource] = useState('cpus');
  const [offset, setOffset] = useState(0);
  const page = useRows('agents', { sort: `-allocated.${resource}`, offset, limit: MAX_CELLS });
  const agents = page?.items ?? [];
  const total = page?.total ?? 0;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [chosen, setChosen] = useState(0);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const marked = Math.min(pointed ?? chosen, agents.length - 1);
  const grid = gridOf(agents.length, canvas.current?.parentElement?.clientWidth ?? 900);
  useEffect(() => {
    if (canvas.current !== null) draw(canvas.current, { agents, resource, grid, marked });
  });
  const names = [...new Set(agents.flatMap(({ total: whole }) => Object.keys(whole)))].sort(byUse);
  const one = agents[marked];
  return (
    <section aria-label="grid of agents">
      <p class="links">
        {names.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === resource}
            onClick={() => setResource(name)}
          >
            {name}
          </button>
        ))}
        <Pages total={total} offset={offset} setOffset={setOffset} />
      </p>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${counted(agents.length, 'agent')} by how much of their ${resource} is allocated`}
        onMouseMove={({ offsetX, offsetY }) => {
          const at = cellAt(grid, offsetX, offsetY);
          setPointed(agents[at] === undefined ? undefined : at);
        }}
        onMouseLeave={() => setPointed(undefined)}
        onClick={() => one !== undefined && go(linkTo('agent', { agentId: one.agentId }))}
      />
      {one !== undefined && (
        <p class="links">
          <input
            type="range"
            aria-label="agent"
            min={0}
            max={agents.length - 1}
            value={marked}
            aria-valuetext={sayOf(one, resource)}
            onInput={(event) => setChosen(Number(event.currentTarget.value))}
          />
          <span>
            <a href={linkTo('agent', { agentId: one.agentId })}>{one.agentId}</a>:{' '}
            {sayOf(one, resource)}
          </span>
        </p>
      )}
    </section>
  );
}

/** Which of all are shown, and the ways to the others where there are more. */
function Pages({
  total,
  offset,
  setOffset,
}: {
  readonly total: number;
  readonly offset: number;
  readonly setOffset: (offset: number) => void;
}) {
  const end = Math.min(total, offset + MAX_CELLS);
  return (
    <>
      <span class="soft" role="status">
        {counted(total, 'agent')}
        {total > MAX_CELLS &&
          `, by what is allocated of them: ${showCount(offset + 1)} to ${showCount(end)}`}
      </span>
      {total > MAX_CELLS && (
        <>
          <button
            type="button"
            disabled={offset === 0}
            onClick={() => setOffset(Math.max(0, offset - MAX_CELLS))}
          >
            ◂ fuller
          </button>
          <button type="button" disabled={end >= total} onClick={() => setOffset(end)}>
            emptier ▸
          </button>
        </>
      )}
    </>
  );
}

const fullness = ({ total, allocated }: AgentRow, resource: string): number =>
  (allocated[resource] ?? 0) / Math.max(1, total[resource] ?? 0);

const sayOf = (agent: AgentRow, resource: string): string =>
  `${showPercent(agent.allocated[resource] ?? 0, agent.total[resource] ?? 0)} of ${resource}, ${counted(agent.tasks, 'task')}, ${agent.state}, ${agent.condition}`;

function draw(
  canvas: HTMLCanvasElement,
  {
    agents,
    resource,
    grid,
    marked,
  }: {
    readonly agents: readonly AgentRow[];
    readonly resource: string;
    readonly grid: Grid;
    readonly marked: number;
  },
): void {
  const ratio = devicePixelRatio;
  canvas.width = grid.width * ratio;
  canvas.height = grid.height * ratio;
  canvas.style.width = `${grid.width}px`;
  canvas.style.height = `${grid.height}px`;
  const pen = canvas.getContext('2d');
  if (pen === null) return;
  const style = getComputedStyle(canvas);
  pen.scale(ratio, ratio);
  for (const [index, agent] of agents.entries()) {
    const x = (index % grid.columns) * grid.cell;
    const y = Math.floor(index / grid.columns) * grid.cell;
    const size = grid.cell - 2;
    pen.globalAlpha = 1;
    pen.fillStyle = style.getPropertyValue('--line');
    pen.fillRect(x, y, size, size);
    pen.globalAlpha = fullness(agent, resource);
    pen.fillStyle = style.getPropertyValue('--allocated');
    pen.fillRect(x, y, size, size);
    pen.globalAlpha = 1;
    if (agent.state === 'unreachable')
      cross(pen, { x, y, size, colour: style.getPropertyValue('--bad') });
    if (agent.condition !== 'active') {
      pen.fillStyle = style.getPropertyValue('--offered');
      pen.fillRect(x, y + size - 4, size, 4);
    }
    if (index === marked) {
      pen.strokeStyle = style.getPropertyValue('--ink');
      pen.lineWidth = 2;
      pen.strokeRect(x + 1, y + 1, size - 2, size - 2);
    }
  }
}

function cross(
  pen: CanvasRenderingContext2D,
  { x, y, size, colour }: { x: number; y: number; size: number; colour: string },
): void {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + size, y + size);
  pen.moveTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.stroke();
}
