import { ClusterState } from '@parley/cluster/cluster-state';
import { succeed } from '@parley/protocol/errors';
import { PrincipalName, WindowId } from '@parley/protocol/ids';
import type { OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import { expect, test } from 'vitest';
import { askLeader, checkKnown } from './maintenance.ts';

const windowId = WindowId.parse('w1');

/** A link to a cluster whose books are empty; what was done over it, in order. */
function aLink() {
  const done: string[] = [];
  const link: Parameters<typeof askLeader>[0] = {
    operator: PrincipalName.parse('alice'),
    load: async () => {
      done.push('books read');
      return { cluster: 'c1', state: new ClusterState(), sequence: 0 };
    },
    callLeader: async () => {
      done.push('asked');
      return succeed({} as never);
    },
  };
  return { done, link };
}

test('to schedule maintenance reads no books: the leader checks it', async () => {
  const { done, link } = aLink();
  const window = {
    windowId,
    agents: [],
    startWallTimeMs: 0,
    durationMs: 1,
    noticeMs: 0,
    reason: '',
  };
  const request: OperatorMaintenanceRequest = { change: 'schedule', window };
  await askLeader(link, request, 'it was not scheduled');
  expect(done).toEqual(['asked']);
});

test('a change of a window that the books do not know is not asked for', async () => {
  const { done, link } = aLink();
  const asked = askLeader(link, { change: 'cancel', windowId }, 'no change', checkKnown(windowId));
  await expect(asked).rejects.toThrow('there is no maintenance window w1');
  expect(done).toEqual(['books read']);
});
