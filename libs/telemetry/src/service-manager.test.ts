// Tests what a service tells the systemd that started it, and when.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { attendServiceManager, type Tell } from './service-manager.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function service(environment: NodeJS.ProcessEnv) {
  const said: (readonly string[])[] = [];
  const warnings: string[] = [];
  const state = { status: 'stands by', isDeaf: false };
  const tell: Tell = async (socket, words) => {
    if (state.isDeaf) throw new Error('nobody listens');
    said.push([socket, ...words]);
  };
  const manager = attendServiceManager({
    logger: { warn: (_: unknown, message?: string) => warnings.push(message ?? '') },
    status: () => state.status,
    environment,
    tell,
  });
  const passes = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
  return { manager, said, warnings, state, passes };
}

const WATCHED = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '30000000' };

test('a service that systemd watches says three times in that time that it lives, once it is ready', async () => {
  const { manager, said, passes } = service({ ...WATCHED, WATCHDOG_PID: String(process.pid) });
  await passes(60_000);
  expect(said).toEqual([]);
  manager.ready();
  await passes(30_000);
  expect(said).toEqual([
    ['/run/notify', 'READY=1', 'STATUS=stands by'],
    ['/run/notify', 'WATCHDOG=1'],
    ['/run/notify', 'WATCHDOG=1'],
    ['/run/notify', 'WATCHDOG=1'],
  ]);
});

test('a status is told when it has changed, and a stop at once', async () => {
  const { manager, said, state, passes } = service({ NOTIFY_SOCKET: '@abstract' });
  manager.ready();
  await passes(60_000);
  state.status = 'leads';
  await passes(60_000);
  manager.stopping();
  await passes(0);
  expect(said).toEqual([
    ['@abstract', 'READY=1', 'STATUS=stands by'],
    ['@abstract', 'STATUS=leads'],
    ['@abstract', 'STOPPING=1'],
  ]);
});

test('signs of life that are asked of another process are not given', async () => {
  const { manager, said, passes } = service({ ...WATCHED, WATCHDOG_PID: String(process.pid + 1) });
  manager.ready();
  await passes(120_000);
  expect(said.flat()).not.toContain('WATCHDOG=1');
});

test('programs that the service starts do not inherit whom to tell', () => {
  const environment = { ...WATCHED, WATCHDOG_PID: '1', HOME: '/' };
  service(environment);
  expect(environment).toEqual({ HOME: '/' });
});

test('a service that something else started tells nobody', async () => {
  const { manager, said, passes } = service({});
  manager.ready();
  manager.stopping();
  await passes(120_000);
  expect(said).toEqual([]);
});

test('a systemd that cannot be told is a warning once, and is told again', async () => {
  const { manager, said, warnings, state, passes } = service({ ...WATCHED });
  state.isDeaf = true;
  manager.ready();
  await passes(60_000);
  expect(warnings).toEqual(['systemd cannot be told how this service is']);
  state.isDeaf = false;
  await passes(10_000);
  expect(said).toEqual([['/run/notify', 'WATCHDOG=1', 'STATUS=stands by']]);
});
