// Owns `parley master list` and `parley master step-down`: what operators see of leadership and do about it.
import { setTimeout as delay } from 'node:timers/promises';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { compareEpochs } from '@parley/protocol/epoch';
import type { MasterList, MasterStanding } from '@parley/protocol/leadership';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { monotonicMs } from '../effects.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { currentContext } from './context.ts';

const COLUMNS = ['master', 'role', 'lag', 'entry', 'heard', 'version', 'rules', 'state'] as const;
const ROLES: Record<MasterStanding['phase'], string> = {
  following: 'standby',
  opening: 'opening',
  leading: 'leader',
  leaving: 'leaving',
  left: 'left',
};
const STEP_DOWN_TIMEOUT_MS = 15_000;
const STANDBY_TIMEOUT_MS = 3000;
const LOOK_AGAIN_MS = 250;

export async function masterListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const list = await withOperator(context, listMasters);
  if (json) printJson(list);
  else {
    printTable(COLUMNS, list.masters.map(rowOf));
    if (list.census !== undefined) for (const line of censusLines(list.census)) printLine(line);
  }
}

export async function stepDownCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const change = await withOperator(context, async (link) => {
    const before = await listWithStandby(link);
    const caller = { operator: link.operator };
    const asked = await link.call(SUBJECTS.stepDown, caller, { epoch: before.epoch });
    // An answer that got lost: it has stepped down already.
    if (!asked.ok && asked.failure.code !== 'staleEpoch') {
      throw failureFromCluster('the leader does not step down', asked.failure);
    }
    return { from: before.masters[0]?.id, to: await nextLeader(link, before) };
  });
  if (json) printJson(change);
  else printLine(`${change.from} stepped down; ${change.to} leads`);
}

async function listMasters(link: OperatorLink): Promise<MasterList> {
  const list = await link.call(SUBJECTS.masterList, { operator: link.operator }, {});
  if (!list.ok) throw failureFromCluster('no master leads', list.failure);
  return list.value;
}

/** One that has just begun to lead hears within a second who stands by. */
async function listWithStandby(link: OperatorLink): Promise<MasterList> {
  const deadlineMs = monotonicMs() + STANDBY_TIMEOUT_MS;
  for (;;) {
    const list = await listMasters(link);
    if (list.masters.length > 1) return list;
    if (monotonicMs() < deadlineMs) {
      await delay(LOOK_AGAIN_MS);
      continue;
    }
    throw new CommandFailure(EXIT.failed, {
      what: `${list.masters[0]?.id} does not step down`,
      why: 'no other master stands by, so nobody would lead',
      remedy: 'start another master first; to have nobody lead, stop the service itself',
    });
  }
}

async function nextLeader(link: OperatorLink, before: MasterList): Promise<string> {
  const deadlineMs = monotonicMs() + STEP_DOWN_TIMEOUT_MS;
  while (monotonicMs() < deadlineMs) {
    const now = await listMasters(link);
    const [leader] = now.masters;
    if (leader !== undefined && compareEpochs(now.epoch, before.epoch) > 0) return leader.id;
    await delay(LOOK_AGAIN_MS);
  }
  throw new CommandFailure(EXIT.timedOut, {
    what: 'the leader was told to step down, and no other leads yet',
    why: `waited for ${STEP_DOWN_TIMEOUT_MS / 1000} s`,
    remedy: 'see "parley master list" and "parley logs master-1"',
  });
}

function rowOf({ id, phase, version, books, silentMs }: MasterStanding) {
  const state = books === undefined || books.differences === 0 ? 'equal' : wrongState(books);
  return {
    master: id,
    role: ROLES[phase],
    lag: books?.lagEntries ?? '-',
    entry: books?.sequence ?? '-',
    heard: silentMs === 0 ? 'now' : `${(silentMs / 1000).toFixed(1)} s ago`,
    version,
    rules: books === undefined ? '-' : rulesOf(books),
    state,
  };
}

/** What agents and frameworks told the leader since its term began. */
function censusLines(census: NonNullable<MasterList['census']>): string[] {
  const { agents, agentsHeard, frameworks, frameworksHeard } = census;
  const { unknownTasks, unknownExecutors, forgottenTasks } = census;
  const lines = [
    `heard since the term began: ${agentsHeard} of ${agents} agents, ${frameworksHeard} of ${frameworks} frameworks`,
    `differences repaired: ${unknownTasks} tasks and ${unknownExecutors} executors unknown to the books, ${forgottenTasks} tasks forgotten by their agents`,
  ];
  // A master of an earlier release counts none of these.
  if (census.lostCalls === undefined) return lines;
  const { differingTasks = 0, differingAgents = 0, differingRoles = 0, lostCalls } = census;
  const { openCalls = 0, answeredCalls = 0 } = census;
  lines.push(
    `other words of agents than of the books: on the states of ${differingTasks} tasks, on what is held on ${differingAgents} agents`,
    `roles of ${differingRoles} frameworks were others in the books; ${openCalls} calls were open, ${answeredCalls} of them answered before`,
  );
  if (lostCalls > 0) lines.push(`LOST: ${lostCalls} acknowledged calls are not in the books`);
  return lines;
}

/** Those that hold, and what it knows where that is more. */
const rulesOf = ({ rulesInForce, rulesVersion }: NonNullable<MasterStanding['books']>): string =>
  rulesInForce === undefined || rulesInForce === rulesVersion
    ? `${rulesVersion}`
    : `${rulesInForce} (knows ${rulesVersion})`;

/** How often a standby's state was another one than the leader's, and whether it is trusted. */
const wrongState = ({ differences, isFit }: NonNullable<MasterStanding['books']>): string =>
  `differed ${differences} times${isFit ? ', made anew' : ': leads only when nobody else can'}`;
