// Tests what a gateway keeps of somebody who waits for the end of a container.
import { AgentId } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import type { GatewayContext } from '../gateway-context.ts';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { ContainerDesk } from './container-desk.ts';

test('of who has left while a task went on nothing is kept', async () => {
  const listeners = new Set<() => void>();
  const live = {
    followed: { state: aBusyCluster().state },
    onEvent: (tell: () => void) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
  };
  const desk = new ContainerDesk({ live } as unknown as GatewayContext);
  const leaving = Promise.withResolvers<void>();
  const call = {
    type: 'WAIT_CONTAINER',
    wait_container: { container_id: { value: 'alice.f1.t1' } },
  } as const;
  const open = (): never => {
    throw new Error('it is no stream');
  };
  const waited = desk.carryOut(call, {
    ...{ agentId: AgentId.parse('a1'), visitor: 'olga', open },
    left: leaving.promise,
  });
  expect(listeners.size).toBe(1);
  leaving.resolve();
  expect(await waited).toMatchObject({ ok: false });
  expect(listeners.size).toBe(0);
});
