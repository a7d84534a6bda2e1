// Owns events as rows of words. A click goes to that moment.
import { useRef } from 'preact/hooks';
import type { ToldEvent } from '../data/events.ts';
import { goTo, placeOf } from '../data/past.ts';
import { clockOf } from '../data/zone.ts';
import { showIso } from '../format/times.ts';
import { linkTo } from '../navigation.ts';
import { useVirtualRows } from './use-virtual-rows.ts';

const ROW_HEIGHT = 28;

/** The words, which lead to what they are about. */
function About({ told: { event, text } }: { readonly told: ToldEvent }) {
  const { task, framework, agentId } = event as Partial<Record<string, never>>;
  const href =
    task !== undefined
      ? linkTo('task', task)
      : framework !== undefined
        ? linkTo('framework', framework)
        : agentId !== undefined
          ? linkTo('agent', { agentId })
          : undefined;
  return href === undefined ? (
    <span title={text}>{text}</span>
  ) : (
    <a class="quiet" href={href} title={text}>
      {text}
    </a>
  );
}

export function EventRows({
  shown,
  setHeld,
}: {
  readonly shown: readonly ToldEvent[];
  /** While the pointer is over them nothing should move. */
  readonly setHeld: (isHeld: boolean) => void;
}) {
  const scroller = useRef<HTMLTableElement>(null);
  const rows = useVirtualRows(scroller, { count: shown.length, rowHeight: ROW_HEIGHT });
  return (
    <table class="scroller events" ref={scroller} aria-label="events" aria-rowcount={shown.length}>
      <tbody
        class="rows"
        style={{ height: `${rows.getTotalSize()}px` }}
        onPointerEnter={() => setHeld(true)}
        onPointerLeave={() => setHeld(false)}
      >
        {rows.getVirtualItems().map(({ index, start }) => {
          const told = shown[index];
          return (
            told !== undefined && (
              <tr
                key={placeOf(told)}
                class="row"
                aria-rowindex={index + 1}
                style={{ transform: `translateY(${start}px)` }}
              >
                <td>
                  <button
                    type="button"
                    title={`${showIso(told.wallTimeMs)}: go to this moment`}
                    onClick={() => goTo(placeOf(told))}
                  >
                    {clockOf(told.wallTimeMs)}
                  </button>
                </td>
                <td class="soft">{told.event.type}</td>
                <td>
                  <About told={told} />
                </td>
              </tr>
            )
          );
        })}
      </tbody>
    </table>
  );
}
