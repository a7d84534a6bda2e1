// Owns what tests of the reclaimer share: builders of facts about one agent, and frameworks in few roles that hold and want it;
// and a reclaimer that is told them, in a time that is set by hand.
import type { Fact } from '@parley/protocol/allocation';
import { FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { CandidatesQuestion, RevocableTask, Revocation } from '@parley/protocol/revocations';
import { Knowledge } from './knowledge.ts';
import { type ReclaimEffect, Reclaimer } from './reclaimer.ts';
import { agent, aTask, cpus } from './scripted-claims.ts';

export const STARVATION_MS = 5000;
export const role = RoleName.parse('r');
export const ref = (id: string): FrameworkRef =>
  FrameworkRef.parse({ principal: 'team', frameworkId: id });

export const settings = (reclaims = true): Fact => ({
  kind: 'settings',
  outstandingCapPermille: 500,
  reclaims,
  starvationMs: STARVATION_MS,
  minAllocatable: { cpus: 1 },
  placement: 'random',
});
export const anAgent = (free = NO_RESOURCES): Fact => ({
  kind: 'agent',
  agentId: agent('a1'),
  hostname: 'h',
  total: cpus(10),
  free,
  reservations: [],
  attributes: {},
});
export const subscribed = (
  id: string,
  more: { isSuppressed?: boolean; count?: number; in?: string } = {},
): Fact => ({
  kind: 'framework',
  framework: ref(id),
  roles: [
    {
      role: RoleName.parse(more.in ?? role),
      isSuppressed: more.isSuppressed ?? false,
      ...(more.count !== undefined && {
        needs: [{ shape: 's', count: more.count, resources: cpus(1), constraints: [] }],
      }),
    },
  ],
});
export const uses = (id: string, amount: number, inRole: string = role): Fact => ({
  kind: 'usage',
  framework: ref(id),
  role: RoleName.parse(inRole),
  scalars: amount === 0 ? {} : { cpus: amount },
});
export const guaranteed = (id: string, amount: number): Fact => ({
  kind: 'frameworkShare',
  framework: ref(id),
  weight: 1000,
  guarantee: { cpus: amount },
  limit: {},
});
export const tasks = (count: number): RevocableTask[] =>
  Array.from({ length: count }, (_, index) => aTask('rich', `t${index}`, { role }));
export const ofRole = (
  name: string,
  set: { guarantee?: { cpus: number }; limit?: { cpus: number } },
): Fact => ({
  kind: 'role',
  role: RoleName.parse(name),
  weight: 1000,
  guarantee: set.guarantee ?? {},
  limit: set.limit ?? {},
});

/** The first of the effects. */
export function questionOf(effects: readonly ReclaimEffect[]): CandidatesQuestion {
  const [effect] = effects;
  if (effect?.kind !== 'askCandidates') throw new Error('nothing was asked');
  return effect.question;
}
export const takenOf = (effects: readonly ReclaimEffect[]): Revocation[] =>
  effects.flatMap((effect) => (effect.kind === 'revoke' ? effect.revocations : []));

export const isTaken = (taken: readonly Revocation[], more: Partial<RevocableTask> = {}): Fact[] =>
  taken.map(({ task, agentId, beneficiary, reason }) => ({
    kind: 'revoking',
    task,
    role,
    agentId,
    resources: cpus(1),
    beneficiary,
    reason,
    ...more,
  }));
export const calledOffOf = (effects: readonly ReclaimEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.kind === 'revoke' ? effect.calledOff.map(({ taskId }) => taskId) : [],
  );

export class ScriptedReclaimer {
  readonly known = new Knowledge();
  readonly reclaimer = new Reclaimer(this.known);
  nowMs = 0;

  hear(facts: readonly Fact[]): void {
    const { nowMs } = this;
    this.known.hear(facts, { lastNumber: 0, nowMs });
    this.known.checkInvariants();
    this.reclaimer.hear(facts, nowMs);
  }

  /** A full agent that `rich` holds, and `poor`, which wants more. */
  full(...more: readonly Fact[]): void {
    this.hear([settings(), anAgent(), subscribed('rich'), uses('rich', 10)]);
    this.hear([subscribed('poor', { count: 100 }), ...more]);
  }

  pass(ms: number): ReclaimEffect[] {
    this.nowMs += ms;
    return this.reclaimer.tick(this.nowMs);
  }

  answer(question: number, named = tasks(10)): ReclaimEffect[] {
    return this.reclaimer.candidates({ question, sequence: 1, tasks: named }, this.nowMs);
  }
}
