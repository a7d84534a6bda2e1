// Owns the moment that the page shows: now, or one of the past, which stands in the address (`?at=`). The past is a window of
// events around it, from the gateway or out of a file, folded here.
import type { View } from '@parley/cluster-view/view';
import { computed, effect, signal } from '@preact/signals';
import { go, place } from '../navigation.ts';
import { addressOf } from '../place.ts';
import { isAfter } from './event-order.ts';
import { events, type ToldEvent } from './events.ts';
import { textOf } from './file-text.ts';
import { ask, askRaw } from './gateway.ts';
import type { WindowPlayer } from './window-player.ts';

/** On each side of the moment that was asked for. */
const WINDOW_ENTRIES = 5000;

export type Past = {
  readonly player: WindowPlayer;
  /** Events of the window that have happened. */
  readonly count: number;
  readonly view: View;
  /** The last event that has happened. */
  readonly last: ToldEvent | undefined;
};

/** Undefined while the present is shown, and until the past is known. */
export const past = signal<Past | undefined>(undefined);
export const pastTrouble = signal<string | undefined>(undefined);
/** The name of the file whose window is shown instead of a cluster. */
export const openedFile = signal<string | undefined>(undefined);

/** Whether whoever served the page has that window alone, and no cluster. */
export const isWithoutCluster = signal(false);

export const at = computed(() => place.value.query['at']);
export const isPast = computed(() => at.value !== undefined || openedFile.value !== undefined);

/** Loaded when it is needed: it knows how to fold, which the present does not take. */
export const loadPlayer = () => import('./window-player.ts');

/** Keeps to what the address asks for. Returns how to stop. */
export const followAt = (): (() => void) =>
  effect(() => {
    const wanted = at.value;
    void openedFile.value;
    if (wanted === undefined && openedFile.value === undefined) past.value = undefined;
    else seek(wanted).catch((error: unknown) => tellTrouble(error));
  });

const tellTrouble = (error: unknown): void => {
  pastTrouble.value = error instanceof Error ? error.message : String(error);
};

/** Shows that moment; undefined: now. `isPassing`: the browser's way back skips it. */
export function goTo(moment: string | undefined, isPassing = false): void {
  const { page = 'overview', names, query } = place.peek();
  go(addressOf(page, names, { ...query, at: moment }), isPassing);
}

export const placeOf = ({ sequence, index }: Pick<ToldEvent, 'sequence' | 'index'>): string =>
  `${sequence}.${index}`;

/** So many of the window's events have happened. */
export function goToCount(player: WindowPlayer, count: number, isPassing = true): void {
  const event = player.events[Math.max(0, Math.min(count, player.events.length)) - 1];
  goTo(event === undefined ? String(player.firstSequence) : placeOf(event), isPassing);
}

let loaded: WindowPlayer | undefined;

async function seek(wanted: string | undefined): Promise<void> {
  const known = loaded;
  if (openedFile.peek() !== undefined) {
    if (known !== undefined)
      show(known, wanted === undefined ? known.events.length : countAt(known, wanted));
    return;
  }
  if (wanted === undefined) return;
  const [sequence, index] = await resolve(wanted);
  if (known !== undefined && isInside(known, sequence)) {
    show(known, known.countUpTo(sequence, index));
    return;
  }
  const player = await fetchWindow(sequence);
  // Another moment may have been asked for meanwhile.
  if (at.peek() !== wanted) return;
  loaded = player;
  show(player, player.countUpTo(sequence, index));
}

function show(player: WindowPlayer, count: number): void {
  const view = player.viewAfter(count);
  past.value = { player, count, view, last: player.events[count - 1] };
  pastTrouble.value = undefined;
}

const PLACE = /^(\d{1,15})(?:\.(\d{1,16}))?$/;

function countAt(player: WindowPlayer, wanted: string): number {
  const [, sequence, index] = PLACE.exec(wanted) ?? [];
  if (sequence === undefined) return player.events.length;
  return player.countUpTo(Number(sequence), index === undefined ? undefined : Number(index));
}

/** The gateway knows which entry a time is. */
async function resolve(wanted: string): Promise<readonly [number, number | undefined]> {
  const [, sequence, index] = PLACE.exec(wanted) ?? [];
  if (sequence !== undefined)
    return [Number(sequence), index === undefined ? undefined : Number(index)];
  const search = new URLSearchParams({ at: wanted });
  const { moment } = await ask<{ moment: { sequence: number } }>(`/v1/overview?${search}`);
  return [moment.sequence, undefined];
}

/** Its last event but not beyond: what came after that may not be known to it. */
function isInside(player: WindowPlayer, sequence: number): boolean {
  const last = player.events.at(-1)?.sequence ?? player.firstSequence;
  return sequence >= player.firstSequence && sequence < last;
}

async function fetchWindow(sequence: number): Promise<WindowPlayer> {
  const range = await ask<{ from: { sequence: number }; to: { sequence: number } }>(
    '/v1/timeline?buckets=1',
  );
  const from = Math.max(
    range.from.sequence,
    Math.min(sequence, range.to.sequence) - WINDOW_ENTRIES,
  );
  const to = Math.min(range.to.sequence, Math.max(sequence, from) + WINDOW_ENTRIES);
  const search = new URLSearchParams({ from: String(from), to: String(to) });
  const [{ WindowPlayer: Player }, answer] = await Promise.all([
    loadPlayer(),
    askRaw(`/v1/export?${search}`),
  ]);
  return Player.read(await answer.text());
}

/** A window that was exported: it is shown instead of the cluster, from its end. */
export async function openFile(file: File): Promise<void> {
  try {
    const { WindowPlayer: Player } = await loadPlayer();
    loaded = Player.read(await textOf(file));
    pastTrouble.value = undefined;
    past.value = undefined;
    openedFile.value = file.name;
    goToCount(loaded, loaded.events.length, false);
  } catch (error) {
    tellTrouble(error);
  }
}

const WINDOW_PATH = '/window';

/** The window that came with the page: at the moment of the address, or from its end. */
export async function openServed(name: string): Promise<void> {
  isWithoutCluster.value = true;
  openedFile.value = name;
  try {
    const bytes = await (await askRaw(WINDOW_PATH)).blob();
    const { WindowPlayer: Player } = await loadPlayer();
    loaded = Player.read(await textOf(new File([bytes], name)));
    await seek(at.peek());
  } catch (error) {
    tellTrouble(error);
  }
}

/** The views of the opened window before and after these moments; undefined while none is opened. */
export function openedViews(from: string, to: string): readonly [View, View] | undefined {
  const player = openedFile.value === undefined ? undefined : past.value?.player;
  if (player === undefined) return undefined;
  const view = (moment: string): View =>
    player.viewAfter(moment === 'first' ? 0 : countAt(player, moment));
  return [view(from), view(to)];
}

export function closeFile(): void {
  loaded = undefined;
  openedFile.value = undefined;
  goTo(undefined);
}

/** So many events on, or back; from the present back to the one before the last. */
export function step(by: number): void {
  const shown = past.peek();
  if (shown !== undefined) {
    const { player, count } = shown;
    // Beyond its end the window is fetched anew, or the present is reached.
    if (count + by > player.events.length) goBeyond(player);
    else goToCount(player, count + by);
    return;
  }
  if (isPast.peek() || by > 0) return;
  const before = events.peek().at(-1 + by);
  goTo(before === undefined ? 'last' : placeOf(before));
}

function goBeyond(player: WindowPlayer): void {
  const last = player.events.at(-1);
  const next = last && events.peek().find((one) => isAfter(one, last));
  if (openedFile.peek() === undefined) goTo(next && placeOf(next));
}
