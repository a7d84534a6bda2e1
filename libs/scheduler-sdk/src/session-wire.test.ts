// Owns which subjects a scheduler listens to and what its messages become.
import { AgentId, ClusterName, ExecutorId, FrameworkId, PrincipalName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { describe, expect, it } from 'vitest';
import {
  decodeSchedulerMessage,
  encodeExecutorMessage,
  schedulerSubjects,
} from './session-wire.ts';

const cluster = ClusterName.parse('c1');
const framework = {
  principal: PrincipalName.parse('team'),
  frameworkId: FrameworkId.parse('heartbeat'),
};
const epoch = { bucketCreatedMs: 1, revision: 1 };
const data = new Uint8Array([1, 2, 3]);

describe('what a scheduler is told', () => {
  it('comes on subjects that it listens to', () => {
    expect(schedulerSubjects(cluster, framework)).toEqual([
      'parley.c1.framework.team.heartbeat.offers',
      'parley.c1.framework.team.heartbeat.rescind',
      'parley.c1.framework.team.heartbeat.events',
      'parley.c1.framework.team.heartbeat.message.*.*',
      'parley.c1.framework.team.heartbeat.heartbeat',
      'parley.c1.master.broadcast.presence',
    ]);
  });

  it('is a message of an executor whatever the executor is called', () => {
    for (const name of ['offers', 'presence', 'e1']) {
      const from = { agentId: AgentId.parse('rescind'), executorId: ExecutorId.parse(name) };
      const parameters = { ...framework, ...from };
      const { subject, bytes } = encodeMessage(SUBJECTS.messageToFramework, cluster, parameters, {
        data,
      });
      expect(decodeSchedulerMessage(cluster, subject, bytes)).toEqual({
        ok: true,
        value: { kind: 'executorMessage', ...from, data },
      });
    }
  });

  it('is an event with the term of its leader', () => {
    const body = { number: 1, events: [], dropped: 2 };
    const { subject, bytes } = encodeMessage(SUBJECTS.events, cluster, framework, body, { epoch });
    const message = decodeSchedulerMessage(cluster, subject, bytes);
    expect(message).toEqual({ ok: true, value: { kind: 'events', epoch, body } });
  });
});

describe('a message to an executor', () => {
  it('goes to the agent that relays it', () => {
    const message = encodeExecutorMessage(cluster, framework, {
      agentId: 'a1',
      executorId: 'e1',
      data,
    });
    expect(message).toMatchObject({
      ok: true,
      value: { subject: 'parley.c1.message.a1.team.heartbeat.e1' },
    });
  });

  it('is refused when it is too large or an id is not valid', () => {
    const large = new Uint8Array(256 * 1024 + 1);
    const to = { agentId: 'a1', executorId: 'e1' };
    expect(encodeExecutorMessage(cluster, framework, { ...to, data: large }).ok).toBe(false);
    const wrong = { ...to, executorId: 'no.token', data };
    expect(encodeExecutorMessage(cluster, framework, wrong).ok).toBe(false);
  });
});
