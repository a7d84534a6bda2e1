// Owns how a task came to its state: one line for each change, with how long each lasted. A click goes to that moment.
import { useEffect, useState } from 'preact/hooks';
import { events, type ToldEvent } from '../data/events.ts';
import { ask } from '../data/gateway.ts';
import { goTo, isPast, past, placeOf } from '../data/past.ts';
import { clockOf } from '../data/zone.ts';
import { showDuration, showIso } from '../format/times.ts';
import { Empty } from './command.tsx';
import { StateMark } from './state-mark.tsx';

type Ref = { readonly principal: string; readonly frameworkId: string; readonly taskId: string };

export function TaskTimeline(ref: Ref) {
  const changes = useChanges(ref);
  const begun = changes[0]?.wallTimeMs ?? 0;
  const whole = Math.max(1, (changes.at(-1)?.wallTimeMs ?? 0) - begun);
  return (
    <section aria-label="timeline">
      <h2>Timeline</h2>
      {changes.length === 0 ? (
        <Empty words="Nothing that is kept happened to it." />
      ) : (
        <ol class="timeline">
          {changes.map((told, index) => {
            const next = changes[index + 1];
            const lasted = next === undefined ? undefined : next.wallTimeMs - told.wallTimeMs;
            return (
              <li key={placeOf(told)}>
                <button
                  type="button"
                  title={`${showIso(told.wallTimeMs)}: go to this moment`}
                  onClick={() => goTo(placeOf(told))}
                >
                  {clockOf(told.wallTimeMs)}
                </button>
                <StateMark state={String(told.event['to'])} />
                <span class="soft">
                  {String(told.event['message'] ?? told.event['reason'] ?? '')}
                </span>
                {lasted !== undefined && (
                  <span class="lasting">
                    <meter
                      min={0}
                      max={whole}
                      value={lasted}
                      aria-label={`lasted ${showDuration(lasted)}`}
                    />
                    {showDuration(lasted)}
                  </span>
                )}
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

function useChanges({ principal, frameworkId, taskId }: Ref): readonly ToldEvent[] {
  const [before, setBefore] = useState<readonly ToldEvent[]>([]);
  useEffect(() => {
    setBefore([]);
    if (isPast.value) return;
    const search = new URLSearchParams({ filter: taskId, limit: '1000' });
    ask<{ items: ToldEvent[] }>(`/v1/events?${search}`).then(
      ({ items }) => setBefore(items),
      () => undefined,
    );
  }, [principal, frameworkId, taskId, isPast.value]);
  const isOf = ({ event }: ToldEvent): boolean => {
    const task = event['task'] as Partial<Ref> | undefined;
    return (
      event.type === 'taskStateChanged' &&
      task?.taskId === taskId &&
      task.frameworkId === frameworkId &&
      task.principal === principal
    );
  };
  if (isPast.value) return past.value?.player.events.slice(0, past.value.count).filter(isOf) ?? [];
  const known = new Map(
    [...before, ...events.value].filter(isOf).map((one) => [placeOf(one), one]),
  );
  return [...known.values()].sort((a, b) => a.sequence - b.sequence || a.index - b.index);
}
