// Owns the keys: `g` and a letter to a page, `/` to the filter, `[` and `]` through time, `?` to this list.
import { signal } from '@preact/signals';
import { goTo, isPast, step } from './data/past.ts';
import { go, linkTo } from './navigation.ts';
import type { PageName } from './place.ts';

export const isHelpShown = signal(false);

/** After `g`. */
export const GO_KEYS: Readonly<Record<string, PageName>> = {
  h: 'overview',
  f: 'frameworks',
  t: 'tasks',
  a: 'agents',
  o: 'offers',
  r: 'roles',
  e: 'events',
  s: 'system',
};

const SEQUENCE_MS = 1500;

/** Returns how to stop. */
export function followKeys(): () => void {
  let isGoing = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onKey = (event: KeyboardEvent): void => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
    const page = isGoing ? GO_KEYS[event.key] : undefined;
    isGoing = event.key === 'g' && !isGoing;
    clearTimeout(timer);
    if (isGoing) timer = setTimeout(() => (isGoing = false), SEQUENCE_MS);
    if (page !== undefined) go(linkTo(page));
    else if (!actOn(event.key)) return;
    event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** Whether the key was ours. */
function actOn(key: string): boolean {
  switch (key) {
    case '?':
      isHelpShown.value = !isHelpShown.value;
      return true;
    case '/': {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]');
      filter?.focus();
      return filter !== null;
    }
    case '[':
      step(-1);
      return true;
    case ']':
      step(1);
      return true;
    case 'l':
      if (isPast.value) goTo(undefined);
      return true;
    default:
      return false;
  }
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
