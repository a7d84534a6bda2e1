// Owns the place one is at as a signal: links change it without a load, the browser's buttons too.
import { signal } from '@preact/signals';
import { type Asked, addressOf, type Names, type PageName, readPlace } from './place.ts';

const here = (): string => location.pathname + location.search;

export const place = signal(readPlace(here()));

/** `isPassing`: the way back skips it. */
export function go(address: string, isPassing = false): void {
  if (isPassing) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  place.value = readPlace(here());
}

/** A link to a page, at the moment that is shown. */
export const linkTo = (page: PageName, names: Names = {}, query: Asked = {}): string =>
  addressOf(page, names, { ...query, at: place.value.query['at'] });

/** The same page, asked otherwise; the way back skips it. */
export function askHere(query: Asked): void {
  const { page, names, query: before } = place.peek();
  if (page !== undefined) go(addressOf(page, names, { ...before, ...query }), true);
}

/** Once, at the start: links of the console stay in the page. Returns how to stop. */
export function followLinks(): () => void {
  const onBack = (): void => {
    place.value = readPlace(here());
  };
  addEventListener('popstate', onBack);
  document.addEventListener('click', onClick);
  return () => {
    removeEventListener('popstate', onBack);
    document.removeEventListener('click', onClick);
  };
}

function onClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey);
  if (link === null || !isPlain || link.target !== '' || link.hasAttribute('download')) return;
  const isOurs =
    link.origin === location.origin && (link.pathname === '/' || link.pathname.startsWith('/ui'));
  if (!isOurs || event.defaultPrevented) return;
  event.preventDefault();
  go(link.pathname + link.search);
  scrollTo(0, 0);
}
