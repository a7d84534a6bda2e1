// `parley top` on a whole cluster: it asks until it is answered, shows what agents tell, and says who told nothing. The
// agents of this cluster run tasks without scopes and tell nothing; for one of them the test answers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { AgentId, TaskRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { ClusterFixture, cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { ClusterTerminal } from './cluster-terminal.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const directory = mkdtempSync(path.join(tmpdir(), 'parley-top-'));
const fixture = new ClusterFixture();
const agentId = AgentId.parse('a1');
const task = TaskRef.parse({ principal: 'alice', frameworkId: 'web', taskId: 't1' });
let terminal: ClusterTerminal;

beforeAll(async () => {
  await fixture.start();
  terminal = new ClusterTerminal({ fixture, directory, knowsContext: true });
});
afterAll(async () => {
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

test('agents that tell nothing are named, and an agent that is none is refused', async () => {
  const { exitCode, stdout, stderr } = await terminal.type('top', '--once');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('TASK  AGENT');
  expect(stderr).toContain('a1 tells nothing');
  expect(stderr).toContain('a2 tells nothing');
  expect((await terminal.type('top', '--once', '--agent', 'a9')).stderr).toContain(
    'there is no agent a9',
  );
});

test('whoever looks asks the agents, and shows what they tell', async () => {
  const identity = succeeded(readCredentialFile(fixture.credential('agent', agentId)));
  const connection = succeeded(await openConnection(identity));
  try {
    let asked = 0;
    connection.subscribe(wildcardOf(SUBJECTS.watchUsage, cluster), {
      callback: () => {
        asked += 1;
        const unit = { task, cpuUs: 500_000, cpuTotalUs: 9_000_000, memoryBytes: 1024, pids: 3 };
        const sample = { wallTimeMs: asked, intervalMs: 1000, part: 0, parts: 1, endedCpuUs: 0 };
        const body = { ...sample, units: [unit] };
        const { subject, bytes } = encodeMessage(SUBJECTS.unitsUsage, cluster, { agentId }, body);
        connection.publish(subject, bytes);
      },
    });
    await connection.flush();
    const look = ['top', '--once', '--sort', 'memory', '--framework', 'alice/web'];
    expect(await terminal.read(...look)).toMatchObject({
      agents: [{ agentId: 'a1', units: 1, cpuMillis: 500, memoryBytes: 1024 }],
      rows: [
        { name: 'alice/web/t1', kind: 'task', cpuMillis: 500, cpuTotalUs: 9_000_000, pids: 3 },
      ],
      missing: ['a2'],
    });
    expect(asked).toBe(1);
    const table = await terminal.type(...look, '--agent', 'a1');
    expect(table).toMatchObject({ exitCode: 0, stderr: '' });
    expect(table.stdout).toMatch(
      /^alice\/web\/t1 +a1 +0\.50 +9\.0 s +- +1\.0 KiB +- +- +- +- +- +3$/m,
    );
    const going = terminal.watch('top', '--json');
    await vi.waitUntil(() => asked >= 4, { timeout: 30_000 });
    await going.end('SIGINT');
  } finally {
    await connection.close();
  }
});
