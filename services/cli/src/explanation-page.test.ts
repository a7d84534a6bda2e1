// Tests of how an explanation reads.

import type { whyNotOffered } from '@parley/cluster/offered-agents';
import type { ExplainedClient, ExplainedNeed } from '@parley/protocol/explanations';
import { AgentId, FrameworkRef, RoleName, TaskRef } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { describe, expect, it } from 'vitest';
import { describeFrameworkWait, describeRoleStanding, describeTask } from './explanation-page.ts';
import { type Explained, leftOutAgents } from './left-out-agents.ts';

const framework = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-1' });
const role = RoleName.parse('eng');

const client: ExplainedClient = {
  framework,
  role,
  state: 'waits',
  share: { used: 12, total: 100, resource: 'mem', weight: 1000, place: 3, of: 12 },
  offers: { outstanding: 1, proposed: 0 },
  refusals: { agents: 0 },
  quotas: [],
  needs: [
    {
      resources: { ...NO_RESOURCES, scalars: { cpus: 2000, mem: 2_048_000 } },
      constraints: [{ name: 'zone', operator: 'in', values: ['a'] }],
      open: 3,
      agents: 7,
      suitable: 0,
      reasons: [
        { kind: 'lacks', count: 5, resource: 'mem', best: 1_228_800, needed: 2_048_000 },
        {
          kind: 'constraint',
          count: 2,
          constraint: { name: 'zone', operator: 'in', values: ['a'] },
        },
      ],
      nearest: {
        agentId: AgentId.parse('a-5'),
        hostname: 'a-5.test',
        resource: 'mem',
        has: 1_228_800,
        needed: 2_048_000,
      },
    },
  ],
  needsLeftOut: 0,
};

const explained: Explained = {
  agents: 7,
  openAgents: 5,
  clients: [client],
  clientsLeftOut: 0,
  nextRunInMs: 3200,
  leftOutAgents: { draining: 1 },
  overcommittedAgents: 0,
};

describe('of a framework', () => {
  it('it says whose turn it is, how many agents fail for which reason, and which is nearest', () => {
    expect(describeFrameworkWait(explained)).toBe(
      [
        'framework batch/run-1 in role eng waits for an agent that suits it',
        '  share 12 % (mem); 3rd in turn of 12',
        '  1 unanswered offer',
        '  3 tasks of cpus 2, mem 2 GiB where zone=a',
        '    8 agents: 5 lack mem, best has 1.2 of 2 GiB; 2 fail zone=a; 1 draining',
        '    nearest: a-5 (a-5.test) has 1.2 of 2 GiB mem',
        '',
        '5 of 7 agents have anything free; the allocator decides again within 3.2 s, and when anything changes',
        '',
      ].join('\n'),
    );
  });

  it('it says what is missing of revocable resources, where tasks may run on them', () => {
    const [need] = client.needs;
    if (need === undefined) throw new Error('it has a need');
    const isRevocable = true as const;
    const lacking: ExplainedNeed = {
      ...need,
      revocable: 'also',
      constraints: [],
      reasons: [
        { kind: 'lacks', count: 2, resource: 'cpus', best: 1000, needed: 2000, isRevocable },
      ],
      ...(need.nearest && { nearest: { ...need.nearest, isRevocable } }),
    };
    const page = describeFrameworkWait({
      ...explained,
      clients: [{ ...client, needs: [lacking] }],
    });
    expect(page).toContain('3 tasks of cpus 2, mem 2 GiB, on revocable resources too');
    expect(page).toContain('2 lack revocable cpus, best has 1 of 2');
    expect(page).toContain('nearest: a-5 (a-5.test) has 1.2 of 2 GiB revocable mem');
  });

  it('it says what holds it up: quota, offers, refusals, being too small, ports', () => {
    const held: ExplainedClient = {
      ...client,
      state: 'quotaLimit',
      share: { used: 1, total: 2, weight: 2500, of: 4 },
      offers: { outstanding: 2, proposed: 3, most: 8 },
      refusals: { agents: 4, nextEndsInMs: 12_000 },
      quotas: [
        {
          of: { role },
          resource: 'mem',
          consumed: 512_000,
          guarantee: 1_024_000,
          limit: 2_048_000,
        },
        { of: { framework }, resource: 'cpus', consumed: 500, limit: 4000 },
      ],
      needs: [
        {
          resources: { ...NO_RESOURCES, scalars: { cpus: 10, mem: 32_000 } },
          constraints: [],
          agents: 6,
          suitable: 1,
          reasons: [
            { kind: 'tooSmall', count: 1, resource: 'cpus', best: 500, needed: 2000 },
            { kind: 'ports', count: 2 },
            { kind: 'refused', count: 2, endsInMs: 90_000 },
          ],
        },
      ],
      needsLeftOut: 2,
    };
    const { nextRunInMs: _, ...rest } = explained;
    expect(describeFrameworkWait({ ...rest, clients: [held], leftOutAgents: {} })).toBe(
      [
        'framework batch/run-1 in role eng is held up by a limit',
        '  share 50 %, weight 2.5; 4 take offers, it does not',
        '  2 unanswered offers, 3 under way; at most 8 at a time, since it let some expire',
        '  quota of role eng: 512 MiB of mem consumed, 1 GiB guaranteed, at most 2 GiB',
        '  quota of framework batch/run-1: 0.5 of cpus consumed, at most 4',
        '  it has declined 4 agents, the first refusal ends in 12 s',
        '  it states no demand; the least that is offered: cpus 0.01, mem 32 MiB',
        '    6 agents: 1 would do; 1 is too small, most cpus of any is 0.5 of 2; 2 have those ports in use; 2 are declined, the first refusal ends in 1.5 min',
        '  and 2 needs more, which were not looked at',
        '',
        '5 of 7 agents have anything free; the allocator decides again when anything changes',
        '',
      ].join('\n'),
    );
  });
});

describe('of a role', () => {
  it('it says how it and each of its frameworks stand, and what agents lack for those that take offers', () => {
    const suppressed: ExplainedClient = {
      ...client,
      role: RoleName.parse('eng/ads'),
      state: 'suppressed',
    };
    const text = describeRoleStanding({
      ...explained,
      role: { role, share: client.share, quotas: [] },
      clients: [client, suppressed],
      clientsLeftOut: 5,
    });
    expect(text.split('\n').map((line) => line.trimEnd().replaceAll(/ {3,}/g, '  '))).toStrictEqual(
      [
        'role eng: share 12 % (mem); 3rd in turn of 12',
        'FRAMEWORK  ROLE  STATE  SHARE  OFFERS',
        'batch/run-1  eng  waits for an agent that suits it  share 12 % (mem); 3rd in turn of 12  1',
        'batch/run-1  eng/ads  takes no offers: it has suppressed them  share 12 % (mem); 3rd in turn of 12  1',
        'and 5 more frameworks',
        '',
        'framework batch/run-1 in role eng',
        '  3 tasks of cpus 2, mem 2 GiB where zone=a',
        '  8 agents: 5 lack mem, best has 1.2 of 2 GiB; 2 fail zone=a; 1 draining',
        '  nearest: a-5 (a-5.test) has 1.2 of 2 GiB mem',
        '',
        '5 of 7 agents have anything free; the allocator decides again within 3.2 s, and when anything changes',
        '',
      ],
    );
  });
});

describe('of a task', () => {
  const ref = TaskRef.parse({ ...framework, taskId: 'task-7' });

  it('one that is launched waits for no offer', () => {
    const task = {
      task: 'batch/run-1/task-7',
      name: 'task-7',
      state: 'running',
      agent: 'a-1',
      isRevocable: false,
      cpus: '1.00',
      memory: '64 MiB',
      reason: '',
      cause: undefined,
      message: '',
      exitCode: undefined,
      signal: undefined,
      ended: false,
    };
    expect(describeTask(ref, { task, explanation: undefined })).toBe(
      'task batch/run-1/task-7 waits for no offer: it is running on a-1\n',
    );
  });

  it('one that is not is as far as its framework', () => {
    const text = describeTask(ref, { task: undefined, explanation: explained });
    expect(text).toContain('task batch/run-1/task-7 is not launched');
    expect(text).toContain('framework batch/run-1 in role eng waits for an agent that suits it');
  });
});

describe('agents that may not be offered', () => {
  const anAgent = { state: 'registered', isDeactivated: false, isOvercommitted: false } as const;
  const leftOut = (...rows: Parameters<typeof whyNotOffered>[0][]) =>
    leftOutAgents({
      agents: { rows: () => rows.map((row) => ({ isOvercommitted: false, ...row })).values() },
    });

  it('they are counted by what keeps the master from offering them; those that are gone do not count', () => {
    const draining = { reason: 'repairs' };
    expect(
      leftOut(
        anAgent,
        { ...anAgent, draining, isDeactivated: true },
        { ...anAgent, isDeactivated: true },
        { ...anAgent, state: 'unreachable', isDeactivated: true },
        { ...anAgent, state: 'gone', isDeactivated: true },
      ).leftOutAgents,
    ).toStrictEqual({ draining: 1, deactivated: 1, unreachable: 1 });
  });

  it('one that has less than what is held on it may be, and is named apart', () => {
    const short = { ...anAgent, isOvercommitted: true };
    const { leftOutAgents: none, overcommittedAgents } = leftOut(anAgent, short);
    expect({ none, overcommittedAgents }).toStrictEqual({ none: {}, overcommittedAgents: 1 });
    expect(describeFrameworkWait({ ...explained, overcommittedAgents })).toContain(
      '5 of 7 agents have anything free, 1 has less than what is held on it; ',
    );
  });
});
