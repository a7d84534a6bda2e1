import { AgentId, ClusterName, FrameworkRef, RoleName, TaskRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import { readUnanswered } from './unanswered.ts';

const cluster = ClusterName.parse('c1');
const epoch = { bucketCreatedMs: 1, revision: 7 };
const framework = FrameworkRef.parse({ principal: 'alice', frameworkId: 'f1' });

it('what the allocator wants taken back becomes an input, and nothing without its epoch', () => {
  const revocation = {
    task: TaskRef.parse({ ...framework, taskId: 't1' }),
    agentId: AgentId.parse('a1'),
    beneficiary: { framework, role: RoleName.parse('eng') },
    reason: 'starved',
  } as const;
  const body = { revocations: [revocation], calledOff: [revocation.task] };
  const read = (header: { epoch?: typeof epoch }) => {
    const { subject, bytes } = encodeMessage(SUBJECTS.revocations, cluster, {}, body, header);
    return readUnanswered(cluster, subject, bytes);
  };
  expect(read({ epoch })).toEqual({
    ok: true,
    value: { kind: 'revocations', epoch, ...body },
  });
  expect(read({})).toMatchObject({ ok: false, failure: { code: 'malformed' } });
});
