// Owns the view of output: followed or paused, searched, wrapped, of one task or of several with a prefix each.
import Anser from 'anser';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { addPiece, type LogLine, NO_LINES, shownLines } from '../data/log-lines.ts';
import { LogTail } from '../data/log-tail.ts';
import { counted } from '../format/amounts.ts';
import { Command } from './command.tsx';
import { DownloadButton } from './download-button.tsx';
import { useVirtualRows } from './use-virtual-rows.ts';

const LINE_HEIGHT = 19;
const LOOK_MS = 700;

export type LoggedTask = {
  readonly name: string;
  /** In the API. */
  readonly path: string;
};

export function LogView({
  tasks,
  command,
}: {
  readonly tasks: readonly LoggedTask[];
  readonly command: string;
}) {
  const [stream, setStream] = useState<'stdout' | 'stderr'>('stdout');
  const [isPaused, setPaused] = useState(false);
  const [search, setSearch] = useState('');
  const { lines, problem, isEnded } = useLines(tasks, stream, isPaused);
  const shown = useMemo(() => shownLines(lines, search), [lines, search]);
  const [first] = tasks;
  return (
    <div class="log">
      <p class="links">
        {(['stdout', 'stderr'] as const).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === stream}
            onClick={() => setStream(name)}
          >
            {name}
          </button>
        ))}
        <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
          {isPaused ? 'go on' : 'pause'}
        </button>
        <input
          type="search"
          aria-label="search in the output"
          placeholder="search"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        {tasks.length === 1 && first !== undefined && (
          <DownloadButton
            path={`${first.path}/logs?stream=${stream}`}
            name={`${first.name}.${stream}`}
          />
        )}
        <span class="soft" role="status">
          {counted(shown.length, 'line')}
          {isEnded ? ', ended' : ''}
          {problem !== undefined && ` · ${problem}`}
        </span>
        <Command words={command} />
      </p>
      <Lines shown={shown} isPaused={isPaused} hasPrefix={tasks.length > 1} />
    </div>
  );
}

function Lines({
  shown,
  isPaused,
  hasPrefix,
}: {
  readonly shown: readonly LogLine[];
  readonly isPaused: boolean;
  readonly hasPrefix: boolean;
}) {
  const scroller = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const rows = useVirtualRows(scroller, { count: shown.length, rowHeight: LINE_HEIGHT });
  useEffect(() => {
    const element = scroller.current;
    if (element !== null && isAtEnd.current && !isPaused) element.scrollTop = element.scrollHeight;
  }, [shown.length, isPaused]);
  return (
    <section
      class="lines"
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys.
      tabIndex={0}
      aria-label="output"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - LINE_HEIGHT;
      }}
    >
      <div style={{ height: `${rows.getTotalSize()}px`, position: 'relative' }}>
        {rows.getVirtualItems().map(({ index, start }) => {
          const line = shown[index];
          return (
            line !== undefined && (
              <pre key={line.number} style={{ transform: `translateY(${start}px)` }}>
                {hasPrefix && (
                  <span class={`prefix hue-${hueOf(line.source)}`}>{line.source} </span>
                )}
                <Coloured text={line.text} />
              </pre>
            )
          );
        })}
      </div>
    </section>
  );
}

/** The colours that a program chose, as classes: styles would be inline. */
function Coloured({ text }: { readonly text: string }) {
  if (!text.includes('\u001b')) return <>{text}</>;
  return (
    <>
      {Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map(
        ({ content, fg, decoration }, index) => (
          <span key={index} class={`${fg ?? ''} ${decoration ?? ''}`}>
            {content}
          </span>
        ),
      )}
    </>
  );
}

const HUES = 6;
const hueOf = (source: string): number =>
  [...source].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7) % HUES;

function useLines(tasks: readonly LoggedTask[], stream: string, isPaused: boolean) {
  const [lines, setLines] = useState(NO_LINES);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isEnded, setEnded] = useState(false);
  const key = `${stream} ${tasks.map(({ path }) => path).join(' ')}`;
  const tails = useMemo(
    () =>
      tasks.map(({ name, path }) => ({
        name,
        tail: new LogTail(`${path}/logs?stream=${stream}`),
        isEnded: false,
      })),
    [key],
  );
  useEffect(() => {
    setLines(NO_LINES);
    setEnded(false);
    setProblem(undefined);
  }, [tails]);
  useEffect(() => {
    if (isPaused) return undefined;
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      for (const one of tails.filter((each) => !each.isEnded)) {
        const piece = await one.tail.more(stop.signal);
        one.isEnded = piece.isEnded;
        setLines((before) => addPiece(before, one.name, piece.text));
      }
      setProblem(undefined);
      setEnded(tails.every((one) => one.isEnded));
    };
    const turn = (): void => {
      look()
        .catch((error: unknown) => {
          if (!stop.signal.aborted)
            setProblem(error instanceof Error ? error.message : String(error));
        })
        .finally(() => {
          if (!stop.signal.aborted && !tails.every((one) => one.isEnded)) setTimeout(turn, LOOK_MS);
        });
    };
    turn();
    return () => stop.abort();
  }, [tails, isPaused]);
  return { lines, problem, isEnded };
}
