// Tests that a real agent lends what real tasks leave idle, and takes it back when they want it themselves. What a leader makes
// of it is in oversubscription.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const AFTER_S = 4;
const REQUESTED = { resources: { scalars: { cpus: 1000, mem: 128_000 } } };
/** Idle until it is told, then busy until it is told again. */
const MOODY = `until [ -e busy ]; do sleep 0.1; done
for i in 1 2 3 4; do (until [ -e done ]; do :; done) & done
sleep 1000`;

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start(
    ...['--oversubscribe', '20%', '--oversubscribe-after', String(AFTER_S)],
  );
  await leader.registered();
}, 3 * WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

const cpus = (): number => leader.lent.at(-1)?.scalars['cpus'] ?? 0;
const lends = (holds: (cpus: number) => boolean) =>
  expect.poll(cpus, { timeout: WAIT_MS, interval: 100 }).toSatisfy(holds);

test(
  'what a task leaves idle is lent after a while, less the margin; when it is busy it is taken back, and lent again later',
  async () => {
    await leader.order(aShellTask('moody', MOODY, REQUESTED));
    await leader.untilState('moody', 'running');
    // A leader's books keep what was lent before a restart until the agent knows better.
    expect(leader.registrations[0]?.revocable).toBeUndefined();
    await lends((now) => now >= 500 && now <= 800);
    expect(leader.lent.at(-1)?.scalars['mem']).toBeGreaterThanOrEqual(64_000);
    expect(leader.lent.at(-1)?.scalars['mem']).toBeLessThanOrEqual(102_000);
    const idle = cpus();
    agent.touch('moody', 'busy');
    // How much it gets depends on what else this machine does.
    await lends((now) => now < idle);
    const busy = cpus();
    agent.touch('moody', 'done');
    await lends((now) => now > busy);
    await leader.order(aShellTask('lent', 'sleep 1000', { ...REQUESTED, revocable: true }));
    await leader.untilState('lent', 'running');
    // What is lent itself is not lent again.
    expect(cpus()).toBeLessThanOrEqual(800);
    await leader.kill('moody', 0);
    await lends((now) => now === 0);
  },
  3 * WAIT_MS,
);
