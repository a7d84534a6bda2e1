// Owns the bar of time at the foot of every page: how dense events were, what stands out, which moment is shown, and the
// ways to others.
import { useEffect, useState } from 'preact/hooks';
import { nowMs } from '../data/clock.ts';
import { events } from '../data/events.ts';
import {
  at,
  closeFile,
  goTo,
  goToCount,
  isPast,
  isWithoutCluster,
  openedFile,
  openFile,
  past,
  placeOf,
  step,
} from '../data/past.ts';
import { useAsked } from '../data/use-asked.ts';
import { clockOf, isUtc, switchZone } from '../data/zone.ts';
import { showIso } from '../format/times.ts';
import { linkTo, place } from '../navigation.ts';
import { Command } from './command.tsx';
import { type Counted, markOf } from './density.ts';
import { type BarMark, TimeTrack } from './time-track.tsx';

type Timeline = {
  readonly from: { readonly sequence: number; readonly wallTimeMs: number };
  readonly to: { readonly wallTimeMs: number };
  readonly counts: readonly number[];
  readonly markers: readonly BarMark[];
};

const BUCKETS = 240;
const SPEEDS = [1, 10, 100] as const;
const TURN_MS = 100;

export function TimeBar() {
  // From the moment that is shown first on: what happens later is heard.
  const { answer } = useAsked<Timeline>(
    openedFile.value === undefined ? `/v1/timeline?buckets=${BUCKETS}` : undefined,
  );
  const shown = past.value;
  const heard = openedFile.value === undefined ? events.value : (shown?.player.events ?? []);
  const counted: Counted | undefined =
    openedFile.value === undefined && answer !== undefined
      ? { fromMs: answer.from.wallTimeMs, toMs: answer.to.wallTimeMs, counts: answer.counts }
      : undefined;
  const fromMs = counted?.fromMs || heard[0]?.wallTimeMs || nowMs.value - 60_000;
  const lastMs = heard.at(-1)?.wallTimeMs ?? nowMs.value;
  const toMs = isPast.value ? Math.max(lastMs, counted?.toMs ?? 0) : nowMs.value;
  return (
    <footer class="time-bar">
      <Controls />
      <TimeTrack
        range={{ fromMs, toMs: Math.max(toMs, fromMs + 1) }}
        counted={counted}
        heard={heard}
        marks={marksOf(counted === undefined ? [] : (answer?.markers ?? []), heard)}
        atMs={isPast.value ? (shown?.last?.wallTimeMs ?? fromMs) : undefined}
        onSeek={seekTime}
      />
      <Moment />
      <Zone />
      <Files first={answer?.from.sequence ?? 'first'} />
    </footer>
  );
}

function marksOf(before: readonly BarMark[], heard: typeof events.value): BarMark[] {
  const lastMs = before.at(-1)?.wallTimeMs ?? 0;
  const since = heard.flatMap((told) => {
    const kind = told.wallTimeMs > lastMs ? markOf(told.event) : undefined;
    return kind === undefined ? [] : [{ ...told, kind }];
  });
  return [...before, ...since];
}

function seekTime(wallTimeMs: number): void {
  const shown = past.peek();
  const known = shown?.player.events;
  const isInside =
    known !== undefined &&
    wallTimeMs >= (known[0]?.wallTimeMs ?? Number.POSITIVE_INFINITY) &&
    wallTimeMs < (known.at(-1)?.wallTimeMs ?? 0);
  if (shown !== undefined && (isInside || openedFile.peek() !== undefined))
    goToCount(shown.player, shown.player.countUntil(wallTimeMs));
  else goTo(showIso(wallTimeMs), true);
}

function Controls() {
  const [speed, setSpeed] = useState<number>(SPEEDS[0]);
  const [isPlaying, setPlaying] = useState(false);
  useEffect(() => {
    if (!isPlaying) return undefined;
    let atMs = past.peek()?.last?.wallTimeMs ?? 0;
    const timer = setInterval(() => {
      const shown = past.peek();
      if (shown === undefined) return;
      const { player, count } = shown;
      if (count >= player.events.length) return setPlaying(false);
      atMs =
        Math.max(atMs, shown.last?.wallTimeMs ?? player.events[0]?.wallTimeMs ?? 0) +
        TURN_MS * speed;
      goToCount(player, Math.max(count, player.countUntil(atMs)));
    }, TURN_MS);
    return () => clearInterval(timer);
  }, [isPlaying, speed]);
  return (
    <fieldset class="controls" aria-label="moving through time">
      <button
        type="button"
        title="an event back ([)"
        aria-label="an event back"
        onClick={() => step(-1)}
      >
        ◂
      </button>
      <button
        type="button"
        aria-pressed={isPlaying}
        disabled={!isPast.value}
        onClick={() => setPlaying(!isPlaying)}
      >
        {isPlaying ? 'pause' : 'play'}
      </button>
      <select
        aria-label="how fast"
        value={speed}
        onChange={(event) => setSpeed(Number(event.currentTarget.value))}
      >
        {SPEEDS.map((one) => (
          <option key={one} value={one}>
            ×{one}
          </option>
        ))}
      </select>
      <button
        type="button"
        title="an event on (])"
        aria-label="an event on"
        disabled={!isPast.value}
        onClick={() => step(1)}
      >
        ▸
      </button>
      <button
        type="button"
        class="live"
        aria-pressed={!isPast.value}
        disabled={isWithoutCluster.value}
        onClick={() => (openedFile.peek() === undefined ? goTo(undefined) : closeFile())}
      >
        live
      </button>
    </fieldset>
  );
}

function Moment() {
  const last = past.value?.last;
  if (!isPast.value) return <span class="moment">now · {clockOf(nowMs.value)}</span>;
  if (past.value === undefined) return <span class="moment">{at.value} …</span>;
  return (
    <span
      class="moment"
      title={last === undefined ? undefined : `${showIso(last.wallTimeMs)}: ${last.text}`}
    >
      {last === undefined ? 'the begin' : `${clockOf(last.wallTimeMs)} · ${placeOf(last)}`}
    </span>
  );
}

const Zone = () => (
  <button
    type="button"
    class="zone"
    aria-label={`hours are ${isUtc.value ? 'those of UTC' : 'yours'}: change`}
    title="Hours: yours, or those of UTC"
    onClick={switchZone}
  >
    {isUtc.value ? 'UTC' : 'local'}
  </button>
);

/** `first`: as far back as one export reaches. */
function Files({ first }: { readonly first: number | string }) {
  const moment = at.value;
  const from = moment?.split('.')[0] ?? String(first);
  return (
    <details class="more">
      <summary>more</summary>
      <div>
        <p>
          <a href={linkTo('compare', {}, { from: place.value.query['from'] ?? from })}>
            Compare this moment with another
          </a>
        </p>
        {openedFile.value === undefined && (
          <p>
            <a
              href={`/v1/export?${new URLSearchParams({ from, to: 'last' })}`}
              download="parley-window.ndjson"
            >
              Export from entry {from} until now
            </a>
          </p>
        )}
        <label>
          Open an exported window{' '}
          <input
            type="file"
            accept=".ndjson,.ndjson.gz,.gz,application/x-ndjson"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file !== undefined) void openFile(file);
            }}
          />
        </label>
        <p>
          In a terminal: <Command words={commandOf(moment, openedFile.value)} />
        </p>
      </div>
    </details>
  );
}

function commandOf(moment: string | undefined, file: string | undefined): string {
  if (file !== undefined) return `npx parley gateway --window ${quoted(file)}`;
  return moment === undefined
    ? 'npx parley replay list'
    : `npx parley replay state --at ${quoted(moment.split('.')[0] ?? '')}`;
}

/** As a shell takes it. */
const quoted = (text: string): string =>
  /^[\w.+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
