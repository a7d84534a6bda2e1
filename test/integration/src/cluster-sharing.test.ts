// Tests of how operators share a real cluster: roles, weights, quotas and reservations by the command line, on a running
// master with agents and a framework whose tasks run.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alice, ClusterFixture, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal } from './cluster-terminal.ts';

const page = readFileSync(new URL('../../../infra/docs/sharing.md', import.meta.url), 'utf8');
const fixture = new ClusterFixture();
const framework = new QueueFramework();
let terminal: ClusterTerminal;

/** Two agents of 4 CPUs and 4 GiB; two tasks of 0.4 CPUs run in role eng/ads. */
beforeAll(async () => {
  await fixture.start();
  terminal = new ClusterTerminal(fixture);
  await framework.connect(fixture, alice, 'web-1', 'eng/ads');
  framework.add([fixture.task('t1'), fixture.task('t2')]);
  await framework.untilRunning(2);
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  fixture.open();
  await framework.close();
  await fixture.close();
});

test(
  'a role has what is set for it, those who change it are known, and it outlives the master',
  async () => {
    const set = await terminal.type('quota', 'set', 'eng', '--guarantee', 'cpus=2,mem=1GiB');
    expect(set).toMatchObject({
      exitCode: 0,
      stdout: 'role eng: weight 1; guarantee cpus 2, mem 1 GiB; limit none\n',
    });
    expect(await terminal.read('weight', 'set', 'eng', '2.5')).toMatchObject({
      ...{ role: 'eng', weight: 2500, guarantee: { cpus: 2000 }, isUsed: true },
      rescindedOffers: 0,
    });
    const master = fixture.service('master-1');
    await master.says('"msg":"roleSharesChanged"');
    expect(master.output).toMatch(/"operator":"olga","role":"eng".*"roleSharesChanged"/);

    await master.end('SIGKILL');
    master.start();
    await terminal.type('weight', 'set', '--framework', 'alice/web-1', '3');
    expect(await terminal.read('weight', 'list')).toEqual({
      roles: [{ role: 'eng', weight: 2500 }],
      frameworks: [{ framework: 'alice/web-1', weight: 3000 }],
    });
    const roles = await terminal.read('role', 'list');
    expect(roles).toMatchObject([
      { role: 'eng', weight: 2500, allocated: { cpus: 800 }, frameworks: ['alice/web-1'] },
      { role: 'eng/ads', weight: 1000, allocated: { cpus: 800 } },
    ]);
    expect(await terminal.read('status')).toMatchObject({ roles: [{ role: 'eng' }, {}] });
    expect((await terminal.type('role', 'inspect', 'eng')).stdout).toMatch(
      /ago +olga +weight 1 -> 2\.5\n/,
    );
    expect((await terminal.type('quota', 'clear', 'eng')).stdout).toContain('guarantee none');
    expect((await terminal.type('weight', 'clear', 'eng')).stdout).toContain('weight 1;');
    expect(await terminal.read('quota', 'list')).toEqual({ roles: [], frameworks: [] });
  },
  TEST_TIMEOUT_MS,
);

test(
  'a guarantee beyond the agents is refused with by how much, and set when it is forced',
  async () => {
    const words = ['quota', 'set', 'ops', '--guarantee', 'cpus=12'];
    const refused = await terminal.type(...words);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('the registered agents have 8 cpus: over by 4 cpus');
    for (const line of refused.stderr.trimEnd().split('\n')) expect(page).toContain(line);
    const forced = await terminal.type(...words, '--force');
    expect(forced.exitCode).toBe(0);
    // It may be a role to come, or a name that was mistyped: who sees it decides.
    expect(forced.stdout).toContain('note: no framework is in role ops or below it yet');
    const contradiction = await terminal.type(
      ...['quota', 'set', 'eng', '--guarantee', 'cpus=2', '--limit', 'cpus=1', '--force'],
    );
    expect(contradiction.stderr).toContain('above its limit of 1 cpus, by 1 cpus');
    await terminal.type('quota', 'clear', 'ops');
  },
  TEST_TIMEOUT_MS,
);

test(
  'a limit below what runs is refused unless it is forced; then nothing more is offered, and what runs goes on',
  async () => {
    const words = ['quota', 'set', 'eng', '--limit', 'cpus=0.5'];
    const refused = await terminal.type(...words);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('above it by 0.3 cpus');
    expect((await terminal.type(...words, '--force')).exitCode).toBe(0);
    framework.add([fixture.task('t3')]);
    const books = await fixture.follow();
    const consumed = (): number => {
      const role = [...books.state.roleSettings.rows()].find((one) => one.role === 'eng')?.role;
      return role === undefined ? -1 : books.state.books.roles.consumed(role, 'cpus');
    };
    await until(
      () => consumed() === 800,
      () => `what tasks have is all that the role has, and not ${consumed()}`,
    );
    expect(framework.inState('running').sort()).toEqual(['t1', 't2']);
    expect(framework.waiting).toBe(1);

    expect(await terminal.read('quota', 'set', 'eng', '--limit', 'none')).toMatchObject({
      limit: {},
    });
    await framework.untilRunning(3);
  },
  TEST_TIMEOUT_MS,
);

test(
  'what is reserved is listed, counts for its role, and is given back in parts',
  async () => {
    const place = ['eng', 'db-1', '--agent', 'a1'];
    const added = await terminal.type(
      ...['reservation', 'add', ...place, '--resources', 'cpus=1,disk=100', '--labels', 'team=db'],
    );
    expect(added).toMatchObject({
      exitCode: 0,
      stdout: 'reservation db-1 of role eng on a1: cpus 1, disk 100 MiB\n',
    });
    expect(await terminal.read('reservation', 'list', '--role', 'eng')).toMatchObject([
      { agentId: 'a1', role: 'eng', reservationId: 'db-1', labels: { team: 'db' } },
    ]);
    const more = ['--resources', 'cpus=0.5', '--labels', 'team=web'];
    const again = await terminal.type(...['reservation', 'add', ...place, ...more]);
    expect(again.stdout).toContain('it keeps the labels that it was made with: team=db');
    const tooMany = await terminal.type(
      ...['reservation', 'add', ...place, '--resources', 'cpus=100'],
    );
    expect(tooMany).toMatchObject({ exitCode: 1 });
    expect(tooMany.stderr).toMatch(/what to do: of a1 no more can be reserved than .*: cpus \d/);
    const some = ['--resources', 'cpus=1'];
    expect(await terminal.read('reservation', 'remove', ...place, ...some)).toMatchObject({
      scalars: { cpus: 500, disk: 100_000 },
    });
    expect((await terminal.type('reservation', 'remove', ...place)).stdout).toContain('no more');
    expect(await terminal.type('reservation', 'remove', ...place)).toMatchObject({ exitCode: 1 });
    const { stdout } = await terminal.type('role', 'set', 'eng', '--placement', 'bestFit');
    expect(stdout).toMatch(/^role eng: weight \S+; .*; placement bestFit\n/);
  },
  TEST_TIMEOUT_MS,
);

test(
  'what the offers of a role are like is set, and set back to what the cluster does',
  async () => {
    const words = ['role', 'set', 'eng', '--placement'];
    expect(
      await terminal.read(...words, 'spread', '--least-offer', 'cpus=0.2,mem=64MiB'),
    ).toMatchObject({ placement: 'spread', minAllocatable: { cpus: 200, mem: 64_000 } });
    const back = await terminal.read(...words, 'cluster', '--least-offer', 'cluster');
    expect(back).not.toHaveProperty('placement');
    expect(back).not.toHaveProperty('minAllocatable');
  },
  TEST_TIMEOUT_MS,
);

test(
  'what is mistyped is told: an unknown role, a bad number, nobody to set it for',
  async () => {
    const unknown = await terminal.type('role', 'inspect', 'egn');
    expect(unknown).toMatchObject({ exitCode: 3, stdout: '' });
    expect(unknown.stderr).toContain('there is no role egn');
    expect(await terminal.type('quota', 'clear', 'egn')).toMatchObject({ exitCode: 3 });
    const bad = await terminal.type('quota', 'set', 'eng', '--limit', 'cpus=lots');
    expect(bad).toMatchObject({ exitCode: 2 });
    expect(bad.stderr).toContain('"lots" is no amount');
    expect(await terminal.type('weight', 'set', 'eng', '0')).toMatchObject({ exitCode: 2 });
    expect(await terminal.type('quota', 'set', '--limit', 'cpus=1')).toMatchObject({ exitCode: 2 });
    expect(await terminal.type('quota', 'set', 'eng')).toMatchObject({ exitCode: 2 });
    const nobody = await terminal.type('quota', 'set', 'eng', '--limit', 'gpus=1');
    expect(nobody.stderr).toContain('no agent has any gpus');
  },
  TEST_TIMEOUT_MS,
);
