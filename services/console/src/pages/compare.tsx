// Owns the page that compares two moments: `from` and the one that is shown, both in the address.
import { useEffect, useState } from 'preact/hooks';
import { type Difference, differencesOf, MAX_DIFFERENCES } from '../data/difference.ts';
import { askRaw } from '../data/gateway.ts';
import { at, loadPlayer, openedFile, openedViews, past } from '../data/past.ts';
import { askHere, place } from '../navigation.ts';
import { Empty } from '../parts/command.tsx';

export function Compare() {
  const from = place.value.query['from'] ?? 'first';
  const to = at.value ?? 'last';
  const { differences, problem } = useDifferences(from, to);
  return (
    <>
      <h1>Two moments</h1>
      <form
        class="filter"
        onSubmit={(event) => {
          event.preventDefault();
          const asked = new FormData(event.currentTarget);
          askHere({ from: String(asked.get('from')) });
        }}
      >
        <label>
          from <input name="from" key={from} defaultValue={from} />
        </label>
        <span>
          to <b>{to}</b>, the moment on the bar below
        </span>
        <button type="submit">Compare</button>
      </form>
      {problem !== undefined && <p role="alert">{problem}</p>}
      {differences?.length === 0 && <Empty words="Nothing that is shown here differs." />}
      {differences !== undefined && differences.length > 0 && (
        <table class="plain" aria-label="differences">
          <thead>
            <tr>
              <th>list</th>
              <th>which</th>
              <th>what</th>
            </tr>
          </thead>
          <tbody>
            {differences.map((one) => (
              <tr key={`${one.list} ${one.key}`}>
                <td>{one.list}</td>
                <td>{one.key}</td>
                <td>{sayOf(one)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {differences?.length === MAX_DIFFERENCES && <p class="soft">More differ than are shown.</p>}
    </>
  );
}

function sayOf({ kind, fields }: Difference): string {
  if (kind !== 'changed') return kind;
  return fields
    .map(({ name, before, after }) => `${name}: ${before || 'nothing'} → ${after || 'nothing'}`)
    .join('; ');
}

function useDifferences(from: string, to: string) {
  const [state, setState] = useState<{ differences?: readonly Difference[]; problem?: string }>({});
  const isOpened = openedFile.value !== undefined;
  const player = past.value?.player;
  useEffect(() => {
    if (isOpened) {
      const views = openedViews(from, to);
      return setState(views === undefined ? {} : { differences: differencesOf(...views) });
    }
    const stop = new AbortController();
    const compare = async (): Promise<void> => {
      // An event's place is finer than an export: its whole entry is taken.
      const [begin = '', end = ''] = [from, to].map((moment) =>
        moment.replace(/^(\d+)\.\d+$/, '$1'),
      );
      const search = new URLSearchParams({ from: begin, to: end });
      const [{ WindowPlayer }, answer] = await Promise.all([
        loadPlayer(),
        askRaw(`/v1/export?${search}`, { signal: stop.signal }),
      ]);
      const player = WindowPlayer.read(await answer.text());
      const differences = differencesOf(
        player.viewAfter(0),
        player.viewAfter(player.events.length),
      );
      setState({ differences });
    };
    compare().catch((error: unknown) => {
      if (!stop.signal.aborted)
        setState({ problem: error instanceof Error ? error.message : String(error) });
    });
    return () => stop.abort();
  }, [from, to, isOpened, isOpened ? player : undefined]);
  return state;
}
