// Owns the proof that an agent is upgraded without its tasks noticing: from a build of the release before, with its protocol
// version and its records, to this one. Masters: upgrade-masters.long.test.ts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decode } from '@parley/protocol/codec';
import { isTerminal } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { Gates } from './gates.ts';
import { copyOlderRelease, type OlderRelease } from './older-release.ts';
import { PlayedLeader } from './played-leader.ts';

vi.setConfig({ testTimeout: 5 * WAIT_MS, hookTimeout: WAIT_MS });

/** A process of each task that is found from outside. */
const SLEEPS = 'sleep 10000 &';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
let place: string;
let gates: Gates;
let older: OlderRelease;

describe.each(['direct', 'systemd-run'] as const)('an agent with the launcher %s', (launcher) => {
  beforeAll(async () => {
    bus = await startBus('reference');
  });
  afterAll(() => bus?.close());
  beforeEach(async () => {
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, 'auto');
    place = mkdtempSync(path.join(tmpdir(), 'parley-upgrade-'));
    gates = new Gates(path.join(place, 'gates'));
  });
  afterEach(async () => {
    await agent.close();
    gates.close();
    await leader.close();
    older.remove();
    rmSync(place, { recursive: true, force: true });
  });

  test('the agent of the release before is replaced by this one: its tasks go on as the same processes, are run once, end once, and can be stopped', async () => {
    await startOlder({ writesFirstRecords: true });
    const script = (gate: string, code: number) =>
      `echo run; ${SLEEPS} ${gates.waitAt(gate)}; exit ${code}`;
    await leader.order(aShellTask('goes-on', script('later', 5)));
    await leader.order(aShellTask('ends-meanwhile', script('meanwhile', 6)));
    await leader.order(aShellTask('is-stopped', script('never', 7)));
    const taskIds = ['ends-meanwhile', 'goes-on', 'is-stopped'];
    for (const taskId of taskIds) await leader.untilState(taskId, 'running');
    expect(taskIds.map(recordVersion)).toEqual([1, 1, 1]);
    const before = await begun(['goes-on', 'is-stopped']);
    expect(before).toEqual([[alive], [alive]]);
    await goAway();
    gates.open('meanwhile');
    await startNewer();
    expect(
      leader.registrations
        .at(-1)
        ?.tasks.map(({ task }) => task.taskId)
        .sort(),
    ).toEqual(taskIds);
    expect(['goes-on', 'is-stopped'].map(processes)).toEqual(before);
    expect(await leader.ended('ends-meanwhile')).toMatchObject({ state: 'failed', exitCode: 6 });
    await leader.kill('is-stopped', 0);
    expect(await leader.ended('is-stopped')).toMatchObject({ state: 'killed' });
    expect(processes('is-stopped')).toEqual([]);
    gates.open('later');
    expect(await leader.ended('goes-on')).toMatchObject({ state: 'failed', exitCode: 5 });
    for (const taskId of taskIds) {
      expect(agent.stdoutOf(taskId)).toBe('run\n');
      expect(await endsOf(taskId)).toBe(1);
    }
    await leader.order(aShellTask('comes-after', 'echo run'));
    expect(await leader.ended('comes-after')).toMatchObject({ state: 'finished' });
  });

  test('a group that the agent of the release before has started goes on under this one, and still ends as a whole', async () => {
    await startOlder();
    const script = `echo run; ${SLEEPS} ${gates.waitAt('never')}`;
    await leader.orderGroup([aShellTask('one', script), aShellTask('two', script)]);
    for (const taskId of ['one', 'two']) await leader.untilState(taskId, 'running');
    const before = await begun(['one', 'two']);
    expect(before).toEqual([[alive], [alive]]);
    await goAway();
    await startNewer();
    expect(['one', 'two'].map(processes)).toEqual(before);
    await leader.kill('one', 0);
    expect(await leader.ended('one')).toMatchObject({ reason: 'killedByFramework' });
    expect(await leader.ended('two')).toMatchObject({ reason: 'groupMemberEnded' });
    for (const taskId of ['one', 'two']) {
      expect(agent.stdoutOf(taskId)).toBe('run\n');
      expect(await endsOf(taskId)).toBe(1);
      expect(processes(taskId)).toEqual([]);
    }
  });

  async function startOlder(how: Parameters<typeof copyOlderRelease>[0] = {}): Promise<void> {
    older = copyOlderRelease(how);
    agent.services = older.services;
    agent.start('--launcher', launcher, '--confine-show', gates.directory);
    await leader.registered();
  }

  /** As `systemctl stop` does it; then nothing is left of that release. */
  async function goAway(): Promise<void> {
    expect(await agent.end('SIGTERM')).toBe(0);
    leader.awaitsNobody();
    older.remove();
  }

  async function startNewer(): Promise<void> {
    agent.services = AgentUnderTest.services;
    agent.start('--launcher', launcher, '--confine-show', gates.directory);
    await leader.registered();
  }

  async function begun(taskIds: readonly string[]): Promise<string[][]> {
    const hasBegun = () => taskIds.every((taskId) => processes(taskId).length > 0);
    await vi.waitUntil(hasBegun, { timeout: WAIT_MS });
    return taskIds.map(processes);
  }

  const alive = expect.stringMatching(/^\d+$/);
  const processes = (taskId: string): string[] => agent.processesOf(taskId, 'sleep');

  /** What stands in the file that the agent keeps of the task. */
  function recordVersion(taskId: string): unknown {
    const file = path.join(agent.workDirectory, 'tasks', `alice.fw.${taskId}.task`);
    return Object(decode(readFileSync(file)))['version'];
  }

  /** How many ends were told: an update that is told again has the number that it had. */
  async function endsOf(taskId: string): Promise<number> {
    const ends = (await leader.updates()).filter(
      ({ task, state }) => task.taskId === taskId && isTerminal(state),
    );
    return new Set(ends.map(({ sequence }) => sequence)).size;
  }
});
