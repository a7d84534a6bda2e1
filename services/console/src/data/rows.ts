// Owns how components ask for what they show: a page of a list, one row, the numbers of the whole. The answer keeps up by
// itself: told by the gateway when the present is shown, folded here when it is the past. What was there stays until the
// next is known.
import type { ListName, Page, Query, Rows } from '@parley/cluster-view/query';
import type { Amounts, Moment } from '@parley/cluster-view/view';
import { effect, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { subscribe } from './live.ts';
import { isPast, loadPlayer, past } from './past.ts';
import type { Role } from './roles.ts';

export type Overview = {
  readonly moment: Moment;
  /** Not of the past. */
  readonly cluster?: string;
  readonly staleMs?: number;
  readonly leader: string | null;
  readonly total: Amounts;
  readonly allocated: Amounts;
  readonly offered: Amounts;
  readonly agents: { readonly registered: number; readonly unreachable: number };
  readonly frameworks: { readonly subscribed: number; readonly disconnected: number };
  readonly tasks: Readonly<Record<string, number>>;
  readonly offers: number;
};

type Tell<Answer> = (answer: Answer) => void;

/** Undefined until something is known. */
export function useRows<Name extends ListName>(
  list: Name,
  query: Query,
): Page<Rows[Name]> | undefined {
  return useKeptUp<Page<Rows[Name]>>(
    (tell) =>
      subscribe({ topic: list, query: withoutUndefined(query) }, (told) => {
        // The gateway sends rows of the list that was asked for.
        if (told.type === 'rows') tell(told as unknown as Page<Rows[Name]>);
      }),
    async (tell, view) => {
      const { askView } = await loadPlayer();
      tell(askView.query(view, list, query));
    },
    `${list} ${JSON.stringify(query)}`,
  );
}

/** Null: there is none, or none any more. */
export function useRow<Name extends ListName>(
  list: Name,
  ids: Readonly<Record<string, string>>,
): Rows[Name] | null | undefined {
  const filter = Object.entries(ids)
    .map(([name, value]) => `${name}:${value}`)
    .join(' ');
  const page = useRows(list, { filter, limit: 10 });
  if (page === undefined) return undefined;
  const isIt = (row: Rows[Name]): boolean =>
    Object.entries(ids).every(([name, value]) => Reflect.get(row, name) === value);
  return page.items.find(isIt) ?? null;
}

export function useOverview(): Overview | undefined {
  return useKeptUp<Overview>(
    (tell) =>
      subscribe({ topic: 'overview' }, (told) => {
        if (told.type === 'rows') tell(told as unknown as Overview);
      }),
    async (tell, view) => {
      const { askView } = await loadPlayer();
      tell(askView.countsOf(view));
    },
    'overview',
  );
}

/** Of the moment of the past that is shown: what is known of roles now is asked of the gateway. */
export function useRolesOfPast(): readonly Role[] | undefined {
  return useKeptUp<readonly Role[]>(
    () => () => undefined,
    async (tell, view) => {
      const { askView } = await loadPlayer();
      tell(askView.rolesOf(view));
    },
    'roles',
  );
}

function useKeptUp<Answer>(
  live: (tell: Tell<Answer>) => () => void,
  ofView: (tell: Tell<Answer>, view: NonNullable<typeof past.value>['view']) => Promise<void>,
  key: string,
): Answer | undefined {
  const answer = useMemo(() => signal<Answer | undefined>(undefined), []);
  useEffect(
    () =>
      effect(() => {
        let isOver = false;
        const tell: Tell<Answer> = (one) => {
          if (!isOver) answer.value = one;
        };
        const stop = isPast.value ? undefined : live(tell);
        const view = past.value?.view;
        if (isPast.value && view !== undefined) void ofView(tell, view);
        return () => {
          isOver = true;
          stop?.();
        };
      }),
    [key],
  );
  return answer.value;
}

const withoutUndefined = (query: Query): object =>
  Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== ''),
  );
