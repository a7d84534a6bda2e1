// Tests what follows from messages that nobody waits for an answer to, as the master sends and journals it.
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { normalise } from '@parley/resources/resources';
import { expect, it } from 'vitest';
import type { MasterOutput } from './master-actor.ts';
import { agentId, aMaster, cluster, eng, epoch, ref } from './scripted-master.ts';
import { SETTLES_WITHIN_MS } from './standing-desk.ts';

it('an allocator that asks is sent all facts, an empty cluster included', () => {
  const { actor } = aMaster();
  const { subject, bytes } = encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {});
  actor.received(subject, bytes, undefined, 0);
  expect(actor.takeOutputs()).toMatchObject([
    { kind: 'publish', subject: 'parley.c1.allocator.facts' },
  ]);
});

it('an allocator that asks which tasks could be taken back is answered from the books', () => {
  const asked: unknown[] = [];
  const { actor } = aMaster({
    view: {
      candidates: (about) => {
        asked.push(about);
        return { sequence: 9, tasks: [] };
      },
    },
  });
  const about = {
    holders: [{ framework: ref, role: eng, spare: { cpus: 1000 } }],
    needs: [{ resources: normalise({ scalars: { cpus: 1000 } }), constraints: [] }],
    mayUseFree: true,
    limit: 5,
  };
  const beneficiary = { framework: ref, role: eng };
  const body = { question: 3, ...about, beneficiary };
  const { subject, bytes } = encodeMessage(SUBJECTS.candidatesWanted, cluster, {}, body);
  actor.received(subject, bytes, undefined, 0);
  expect(asked).toEqual([{ ...about, beneficiary }]);
  const [output] = actor.takeOutputs();
  expect(output).toMatchObject({ kind: 'publish', subject: 'parley.c1.allocator.candidates' });
  const sent = output?.kind === 'publish' ? output.bytes : new Uint8Array();
  const answer = decodeMessage(
    SUBJECTS.candidates,
    cluster,
    'parley.c1.allocator.candidates',
    sent,
  );
  expect(answer).toMatchObject({ value: { epoch, body: { question: 3, sequence: 9, tasks: [] } } });
});

it('a heartbeat that confirms offers becomes one input, and every other only a sign of life', () => {
  const confirming: unknown[] = [];
  const { actor, inputs } = aMaster({
    view: {
      isConfirming: (...asked) => {
        confirming.push(asked);
        return asked[2] === 8;
      },
    },
  });
  for (const confirmed of [7, 8]) {
    const beat = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, ref, {
      session: 3,
      confirmed,
    });
    actor.received(beat.subject, beat.bytes, undefined, 0);
  }
  expect(confirming).toEqual([
    [ref, 3, 7],
    [ref, 3, 8],
  ]);
  expect(inputs).toEqual([{ kind: 'frameworkConfirmed', framework: ref, session: 3, number: 8 }]);
});

it('what an agent says of its revocable resources becomes an input where it is news, and else a sign of life', () => {
  const asked: unknown[] = [];
  const { actor, inputs } = aMaster({
    view: {
      oversubscriptionNews: (_agent, revocable) => {
        asked.push(revocable.scalars);
        return revocable.scalars['cpus'] === 2000 ? 5 : undefined;
      },
    },
  });
  for (const cpus of [1000, 2000]) {
    const revocable = { scalars: { cpus }, ports: [], sets: {} };
    const said = encodeMessage(SUBJECTS.oversubscribed, cluster, { agentId }, { revocable });
    actor.received(said.subject, said.bytes, undefined, 0);
  }
  expect(asked).toEqual([{ cpus: 1000 }, { cpus: 2000 }]);
  expect(inputs).toEqual([
    {
      kind: 'agentOversubscribed',
      agentId,
      registration: 5,
      revocable: { scalars: { cpus: 2000 }, ports: [], sets: {} },
    },
  ]);
});

it('an agent that is heard and not registered is told to register again, and one that is declared gone at once', () => {
  const told = (outputs: MasterOutput[]) =>
    outputs.flatMap((one) => {
      if (one.kind !== 'publish') return [];
      const message = decodeMessage(SUBJECTS.registerAgain, cluster, one.subject, one.bytes);
      return message.ok ? [[message.value.parameters.agentId, message.value.epoch]] : [];
    });
  for (const isRegistered of [true, false]) {
    const { actor, inputs } = aMaster({ view: { isRegistered: () => isRegistered } });
    const beat = encodeMessage(SUBJECTS.agentHeartbeat, cluster, { agentId }, { runningTasks: 1 });
    actor.received(beat.subject, beat.bytes, undefined, 0);
    expect(told(actor.takeOutputs())).toEqual(isRegistered ? [] : [[agentId, epoch]]);
    expect(inputs).toEqual([]);
  }
  const { actor } = aMaster({ view: { isRegistered: () => false } });
  actor.carryOut([{ kind: 'event', event: { type: 'agentGone', agentId } }], 0);
  expect(told(actor.takeOutputs())).toEqual([[agentId, epoch]]);
});

it('an agent not heard in this term is heard by a standing that is that of the books; where it is another one the agent is asked again', () => {
  const books = 'as-the-books-say';
  const { actor, inputs } = aMaster({
    view: { registeredAgents: () => [{ agentId, registration: 1 }], standingOf: () => books },
  });
  const says = (standing: string, nowMs: number) => {
    const body = { runningTasks: 1, standing };
    const beat = encodeMessage(SUBJECTS.agentHeartbeat, cluster, { agentId }, body);
    actor.received(beat.subject, beat.bytes, undefined, nowMs);
    actor.tick(nowMs + SETTLES_WITHIN_MS);
    const asked = actor
      .takeOutputs()
      .filter((one) => one.kind === 'publish' && one.subject.includes(agentId));
    return { asked: asked.length, heard: actor.census.agentsHeard };
  };
  actor.begin([], 0);
  actor.takeOutputs();
  expect(says('otherwise', 0)).toEqual({ asked: 1, heard: 0 });
  expect(says(books, 2 * SETTLES_WITHIN_MS)).toEqual({ asked: 0, heard: 1 });
  // What changes later is told by updates and answers, which may be on their way.
  expect(says('otherwise', 4 * SETTLES_WITHIN_MS)).toEqual({ asked: 0, heard: 1 });
  expect(inputs).toEqual([]);
});
