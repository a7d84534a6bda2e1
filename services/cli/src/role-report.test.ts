// Tests of what is said of roles, on books that the core itself has kept.

import { rolesOf } from '@parley/cluster/role-summary';
import { aFramework, anAgentId, ScriptedCluster, some } from '@parley/cluster/scripted-cluster';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { RoleName } from '@parley/protocol/ids';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeRole, reportRole } from './role-report.ts';
import { summarise } from './summarise.ts';

const [eng, ads] = [RoleName.parse('eng'), RoleName.parse('eng/ads')];
const cpus = (count: number) => ({ cpus: count * 1000 });

let cluster: ScriptedCluster;
let events: NumberedEvent[];

function set(...changes: Parameters<ScriptedCluster['share']>[0]): void {
  note(cluster.share(changes));
}

function note(effects: ReturnType<ScriptedCluster['share']>): void {
  for (const effect of effects) {
    if (effect.kind !== 'event') continue;
    const { sequence, nowMs: coreTimeMs } = cluster;
    const at = { sequence, index: 0, coreTimeMs, wallTimeMs: coreTimeMs };
    events.push({ ...at, event: effect.event, isNew: false });
  }
}

beforeEach(() => {
  cluster = new ScriptedCluster();
  events = [];
  cluster.startTerm();
  cluster.register(anAgentId('a1'), some(16));
  cluster.subscribe(aFramework('f1'), { roles: ['eng/ads'] });
  set({ kind: 'role', role: 'eng', limit: cpus(8), weight: 2000 });
  cluster.launch(aFramework('f1'), 't1', some(4), anAgentId('a1'), { role: 'eng/ads' });
  cluster.offer(aFramework('f1'), some(1), anAgentId('a1'), { role: 'eng/ads' });
  const resources = { scalars: cpus(2) };
  note(
    cluster.operateAsOperator(
      { kind: 'reserve', reservationId: 'x', resources },
      anAgentId(),
      'eng',
    ),
  );
});

describe('the summary of roles', () => {
  it('has every role that is used or set, with what it has together with those below it', () => {
    set({ kind: 'role', role: 'later/on', weight: 3000 });
    const roles = rolesOf(cluster.state);
    expect(roles.map(({ role }) => role)).toEqual(['eng', 'eng/ads', 'later', 'later/on']);
    expect(roles[0]).toMatchObject({
      ...{ weight: 2000, limit: cpus(8), guarantee: {} },
      allocated: { cpus: 4000, mem: 4000 },
      offered: { cpus: 1000, mem: 1000 },
      reserved: cpus(2),
      dominantShare: { share: 0.25, resource: 'cpus' },
      frameworks: ['alice/f1'],
    });
    expect(roles[1]).toMatchObject({ weight: 1000, limit: {}, reserved: {} });
    expect(roles[2]).toMatchObject({ frameworks: [], allocated: {} });
  });

  it('is a part of the picture of the cluster', () => {
    const { roles } = summarise({ cluster: 'c', state: cluster.state, sequence: 1 });
    expect(roles).toEqual(rolesOf(cluster.state));
  });
});

describe('the report of a role', () => {
  it('says what its limit is compared with, which limits above it hold, and what its frameworks have', () => {
    set({ kind: 'framework', framework: aFramework('f1'), limit: cpus(5), weight: 500 });
    const report = reportRole(cluster.state, ads, events);
    expect(report).toMatchObject({
      consumed: { cpus: 5000, mem: 5000 },
      above: [{ role: 'eng', limit: cpus(8), consumed: { cpus: 7000, mem: 5000 } }],
      frameworks: [
        { framework: 'alice/f1', weight: 500, limit: cpus(5), held: { cpus: 5000, mem: 5000 } },
      ],
    });
    const page = describeRole(report);
    expect(page).toContain('eng          cpus 8  cpus 7');
    expect(page).toContain('alice/f1   0.5');
  });

  it('says who changed what, as it was and as it is', () => {
    cluster.pass(60_000);
    set({ kind: 'role', role: 'eng', limit: null, guarantee: cpus(1) });
    cluster.pass(30_000);
    const report = reportRole(cluster.state, eng, events);
    expect(report.set?.operator).toBe('olga');
    expect(report.changes).toMatchObject([
      { operator: 'olga', agoMs: 90_000, change: 'weight 1 -> 2; limit none -> cpus 8' },
      { operator: 'admin', agoMs: 90_000, change: 'reservation x on a1: nothing -> cpus 2' },
      { operator: 'olga', agoMs: 30_000, change: 'guarantee none -> cpus 1; limit cpus 8 -> none' },
    ]);
    expect(describeRole(report)).toMatch(/1\.5 min ago +olga +weight 1 -> 2; limit none -> cpus 8/);
  });

  it('shows a limit of nothing as one', () => {
    cluster.share([{ kind: 'role', role: 'web', limit: cpus(0) }]);
    const report = reportRole(cluster.state, RoleName.parse('web'), []);
    expect(describeRole(report)).toContain('limit        cpus 0');
  });

  it('of a role that there is none of says which there are', () => {
    expect(() => reportRole(cluster.state, RoleName.parse('egn'), [])).toThrow(
      'there is no role egn\n  why:        no framework uses it, and nothing is set for it; there are: eng, eng/ads',
    );
  });
});
