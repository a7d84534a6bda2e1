// Owns a long list as a table: the gateway filters, sorts and pages it; drawn is what is in sight. Rows keep their places
// while the pointer is over them or text is selected. Filter and order may stand in the address.
import type { ListName, Query, Rows } from '@parley/cluster-view/query';
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useRows } from '../data/rows.ts';
import { type Steady, steadyRows } from '../data/steady-rows.ts';
import { counted } from '../format/amounts.ts';
import { askHere, place } from '../navigation.ts';
import { Empty } from './command.tsx';
import { useVirtualRows } from './use-virtual-rows.ts';

const ROW_HEIGHT = 30;
/** Asked for at once, and how far apart such pages begin. */
const PAGE_ROWS = 150;
const PAGE_STEP = 50;
/** Of the document. */
const LETTING_GO = ['pointerover', 'pointerleave', 'selectionchange'] as const;

const ONE_OF: Readonly<Record<ListName, string>> = {
  agents: 'agent',
  frameworks: 'framework',
  tasks: 'task',
  offers: 'offer',
};

export type Column<Row> = {
  readonly title: string;
  /** Of a grid, such as `2fr` or `90px`. */
  readonly width: string;
  /** The field by which it sorts. */
  readonly sort?: string;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
};

export type DataTableProps<Name extends ListName> = {
  readonly list: Name;
  /** It names the list: `tasks in trouble`. */
  readonly label: string;
  readonly columns: readonly Column<Rows[Name]>[];
  readonly keyOf: (row: Rows[Name]) => string;
  /** Always asked for beside what is typed. */
  readonly filter?: string;
  readonly sort?: string;
  readonly empty: { readonly words: string; readonly command?: string };
  /** Filter and order stand in the address: at most one such table on a page. */
  readonly isMain?: boolean;
};

export function DataTable<Name extends ListName>(props: DataTableProps<Name>) {
  const { list, columns, label, empty, keyOf } = props;
  const [asked, setAsked] = useAsked(props);
  const scroller = useRef<HTMLTableElement>(null);
  const [offset, setOffset] = useState(0);
  const filter = [props.filter, asked.filter].filter(Boolean).join(' ');
  const page = useRows(list, { filter, sort: asked.sort, offset, limit: PAGE_ROWS });
  const total = page?.total ?? 0;
  const steady = useSteady(scroller, page?.items ?? [], {
    keyOf,
    key: `${filter} ${asked.sort} ${offset}`,
  });
  const rows = useVirtualRows(scroller, { count: total, rowHeight: ROW_HEIGHT });
  const seen = rows.getVirtualItems();
  const wanted =
    Math.max(0, Math.floor(((seen[0]?.index ?? 0) - PAGE_STEP / 2) / PAGE_STEP)) * PAGE_STEP;
  if (wanted !== offset) queueMicrotask(() => setOffset(wanted));
  const tracks = columns.map(({ width }) => width).join(' ');
  return (
    <div class="data-table">
      <FilterLine
        asked={asked}
        setAsked={setAsked}
        total={total}
        waiting={steady.waiting}
        label={label}
        one={label.replace(list, ONE_OF[list])}
      />
      {page !== undefined && total === 0 ? (
        <Empty {...(asked.filter ? { words: 'Nothing that the filter lets through.' } : empty)} />
      ) : (
        <table class="scroller" ref={scroller} aria-label={label} aria-rowcount={total + 1}>
          <thead>
            <tr class="row head" style={{ gridTemplateColumns: tracks }}>
              {columns.map((column) => (
                <Head key={column.title} column={column} asked={asked} setAsked={setAsked} />
              ))}
            </tr>
          </thead>
          <tbody class="rows" style={{ height: `${rows.getTotalSize()}px` }}>
            {seen.map(({ index, start }) => {
              const row = steady.rows[index - offset];
              return (
                row !== undefined && (
                  <tr
                    key={keyOf(row)}
                    class="row"
                    aria-rowindex={index + 2}
                    style={{ gridTemplateColumns: tracks, transform: `translateY(${start}px)` }}
                  >
                    {columns.map(({ title, cell, isNumber }) => (
                      <td key={title} class={isNumber ? 'number' : undefined}>
                        {cell(row)}
                      </td>
                    ))}
                  </tr>
                )
              );
            })}
          </tbody>
        </table>
      )}
    </div>
  );
}

type AskedOf = Pick<Query, 'filter' | 'sort'>;
type SetAsked = (asked: AskedOf) => void;

function useAsked({ isMain, sort }: { isMain?: boolean; sort?: string }): [AskedOf, SetAsked] {
  const [own, setOwn] = useState<AskedOf>({});
  if (!isMain) return [{ sort, ...own }, (next) => setOwn({ ...own, ...next })];
  const { filter, sort: askedSort = sort } = place.value.query;
  return [{ filter, sort: askedSort }, (next) => askHere(next)];
}

function useSteady<Row>(
  scroller: RefObject<HTMLElement | null>,
  next: readonly Row[],
  { keyOf, key }: { readonly keyOf: (row: Row) => string; readonly key: string },
): Steady<Row> {
  const before = useRef<{ key: string; rows: readonly Row[] }>({ key, rows: [] });
  // What was asked for otherwise is shown at once.
  const isHeld = before.current.key === key && isTouched(scroller.current);
  const steady = steadyRows(before.current.rows, next, { keyOf, isHeld });
  before.current = { key, rows: steady.rows };
  useLetGo(scroller, steady.waiting > 0);
  return steady;
}

/** Draws anew what waits as soon as neither pointer nor selection holds it. */
function useLetGo(scroller: RefObject<HTMLElement | null>, isWaiting: boolean): void {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!isWaiting) return undefined;
    const look = (): void => {
      if (!isTouched(scroller.current)) draw((times) => times + 1);
    };
    for (const event of LETTING_GO) document.addEventListener(event, look);
    return () => {
      for (const event of LETTING_GO) document.removeEventListener(event, look);
    };
  }, [isWaiting, scroller]);
}

function isTouched(element: HTMLElement | null): boolean {
  if (element === null) return false;
  if (element.querySelector('.rows:hover') !== null) return true;
  const selection = document.getSelection();
  return selection?.isCollapsed === false && element.contains(selection.anchorNode);
}

function FilterLine({
  asked,
  setAsked,
  total,
  waiting,
  label,
  one,
}: {
  readonly asked: AskedOf;
  readonly setAsked: SetAsked;
  readonly total: number;
  readonly waiting: number;
  readonly label: string;
  /** The label of a single row. */
  readonly one: string;
}) {
  return (
    <div class="filter">
      <input
        type="search"
        data-filter
        aria-label={`filter ${label}`}
        placeholder="filter: words, or state:running"
        value={asked.filter ?? ''}
        onInput={(event) => setAsked({ filter: event.currentTarget.value })}
      />
      <span class="soft" role="status">
        {counted(total, one, label)}
        {waiting > 0 &&
          ` · ${counted(waiting, 'change waits', 'changes wait')} while you point here`}
      </span>
    </div>
  );
}

function Head<Row>({
  column: { title, sort, isNumber },
  asked,
  setAsked,
}: {
  readonly column: Column<Row>;
  readonly asked: AskedOf;
  readonly setAsked: SetAsked;
}) {
  const isUp = sort !== undefined && asked.sort === sort;
  const isDown = sort !== undefined && asked.sort === `-${sort}`;
  return (
    <th
      scope="col"
      class={isNumber ? 'number' : undefined}
      aria-sort={isUp ? 'ascending' : isDown ? 'descending' : 'none'}
    >
      {sort === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => setAsked({ sort: isDown ? sort : `-${sort}` })}>
          {title}
          <span aria-hidden="true">{isUp ? ' ▲' : isDown ? ' ▼' : ''}</span>
        </button>
      )}
    </th>
  );
}
