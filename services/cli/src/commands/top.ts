// Owns `parley top`: asks agents what each task uses, and goes on asking as long as somebody looks.
import { setTimeout as delay } from 'node:timers/promises';
import type { Followed, OperatorLink } from '@parley/operator-sdk/operator-link';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { monotonicMs } from '../effects.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine, printNotice, printPage } from '../print.ts';
import { shownPage } from '../shown-text.ts';
import { summarise } from '../summarise.ts';
import { UsageBoard, type UsageSelection, type UsageView } from '../usage-board.ts';
import { silenceOf, usagePage } from '../usage-table.ts';
import { currentContext } from './context.ts';

export type TopHow = {
  readonly selection: UsageSelection;
  readonly once: boolean;
  readonly json: boolean;
};

const REFRESH_MS = 2000;
/** Longer than it takes to be repeated twice. */
const LEASE_MS = 6000;
const FIRST_LOOK_MS = 3000;
const POLL_MS = 50;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';
/** Of a terminal of this height what is beside the tasks. */
const OTHER_LINES = 8;

export async function topCommand(
  surroundings: Surroundings,
  named: string | undefined,
  how: TopHow,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  await withOperator(context, async (link) => {
    const board = new UsageBoard();
    link.onUnitsUsage((agentId, part) => board.add(agentId, part, monotonicMs()));
    let followed: Followed | undefined;
    await link.follow();
    link.onChange((changed) => {
      followed = changed;
    });
    const look = (): UsageView => {
      const agents = followed === undefined ? [] : summarise(followed).agents;
      refuseUnknown(agents, how.selection);
      const here = agents.filter(({ state }) => state !== 'gone');
      return board.view(
        here.map(({ agentId }) => agentId),
        how.selection,
        monotonicMs(),
      );
    };
    await firstLook(link, look);
    if (how.once) showOnce(look(), how.json);
    else await goOn(link, look, how.json);
  });
}

/** Agents answer at once; those that do not are told of as missing. */
async function firstLook(link: OperatorLink, look: () => UsageView): Promise<void> {
  const untilMs = monotonicMs() + FIRST_LOOK_MS;
  link.watchUsage(LEASE_MS);
  while (look().missing.length > 0 && monotonicMs() < untilMs) await delay(POLL_MS);
}

function showOnce(view: UsageView, json: boolean): void {
  if (json) {
    printJson(view);
    return;
  }
  printPage(usagePage({ ...view, missing: [] }, view.rows.length));
  for (const agentId of view.missing) printNotice(silenceOf(agentId));
}

async function goOn(link: OperatorLink, look: () => UsageView, json: boolean): Promise<void> {
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  while (!stopping.signal.aborted) {
    const view = look();
    if (json) printLine(JSON.stringify(view));
    else if (process.stdout.isTTY) {
      const rows = Math.max(1, process.stdout.rows - view.agents.length - OTHER_LINES);
      process.stdout.write(`${CLEAR_SCREEN}${shownPage(usagePage(view, rows))}`);
    } else printLine(usagePage(view, view.rows.length));
    await delay(REFRESH_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    link.watchUsage(LEASE_MS);
  }
}

function refuseUnknown(
  agents: readonly { readonly agentId: string }[],
  { agent }: UsageSelection,
): void {
  if (agent === undefined || agents.some(({ agentId }) => agentId === agent)) return;
  throw new CommandFailure(EXIT.notFound, {
    what: `there is no agent ${agent}`,
    why: 'no agent of that id has registered',
    remedy: 'see "parley agent list"',
  });
}
