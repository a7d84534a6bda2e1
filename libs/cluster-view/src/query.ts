// Owns asking a view for a page of one of its lists: filter, sort, cut. The same for the gateway, which pages for everybody,
// and for a page that has opened an exported file. Pure; runs in a browser.

import { ListIndex, pageOnce } from './list-index.ts';
import { wordsOf } from './row-filter.ts';
import type { RowMap } from './row-map.ts';
import type { AgentRow, FrameworkRow, OfferRow, TaskRow, View } from './view.ts';

export type Rows = {
  readonly agents: AgentRow;
  /** Those that are there, then those that were removed lately. */
  readonly frameworks: FrameworkRow;
  /** Live ones, then those that ended lately. */
  readonly tasks: TaskRow;
  readonly offers: OfferRow;
};
export type ListName = keyof Rows;
export const LISTS = ['agents', 'frameworks', 'tasks', 'offers'] as const satisfies ListName[];

export type Query = {
  /**
   * Words that a row has to hold all: `state:running` in that field exactly, `state:failed,error` one of these, `outcome:`
   * nothing in it; others anywhere in its texts.
   */
  readonly filter?: string | undefined;
  /** A field, such as `name` or `allocated.cpus`; with a `-` before it the greatest first. */
  readonly sort?: string | undefined;
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
};

export type Page<Row> = {
  /** All that the filter lets through. */
  readonly total: number;
  readonly items: readonly Row[];
};

export const DEFAULT_LIMIT = 100;

/** Asking the same again of a view that has changed a little costs little. */
export function query<Name extends ListName>(
  view: View,
  list: Name,
  asked: Query,
): Page<Rows[Name]> {
  const { filter = '', sort = '', offset = 0, limit = DEFAULT_LIMIT } = asked;
  const words = wordsOf(filter).join(' ');
  const parts = partsOf(view, list);
  const { total, items } =
    words === '' && sort === ''
      ? cut(parts, offset, limit)
      : (indexOf(view, list)?.page(words, sort, { offset, limit }) ??
        pageOnce(parts, words, sort, { offset, limit }));
  // The list of a name holds rows of that name.
  return { total, items: items as readonly Rows[Name][] };
}

function partsOf(view: View, list: ListName): readonly RowMap<object>[] {
  if (list === 'tasks') return [view.tasks, view.endedTasks];
  if (list === 'offers') return [view.offers, view.endedOffers];
  if (list === 'frameworks') return [view.frameworks, view.endedFrameworks];
  return [view[list]];
}

/** Everything in its own order takes no index. */
function cut(parts: readonly RowMap<object>[], offset: number, limit: number): Page<object> {
  const items: object[] = [];
  let total = 0;
  for (const rows of parts) {
    let at = total;
    total += rows.size;
    if (total <= offset || items.length === limit) continue;
    for (const row of rows.values()) {
      if (at >= offset) items.push(row);
      if (items.length === limit) break;
      at += 1;
    }
  }
  return { total, items };
}

/** As long as a view is there, so is what was found out about it. Undefined: one question was asked, of which nothing is kept. */
const indexes = new WeakMap<View, Map<ListName, ListIndex | undefined>>();

/** From the second question on: many views are asked only one. */
function indexOf(view: View, list: ListName): ListIndex | undefined {
  const known = indexes.get(view) ?? new Map<ListName, ListIndex | undefined>();
  indexes.set(view, known);
  const isFirst = !known.has(list);
  const index = isFirst ? undefined : (known.get(list) ?? new ListIndex(partsOf(view, list)));
  known.set(list, index);
  return index;
}
