// Tests of what stands in a line of the log, and of changing its level.
import { expect, test } from 'vitest';
import { changeLevel, createDebugToggle, createLogger } from './logger.ts';

function aLogger(): { logger: ReturnType<typeof createLogger>; lines: () => unknown[] } {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const logger = createLogger({ service: 'agent', actorId: 'agent-1', destination });
  return { logger, lines: () => written.map((line): unknown => JSON.parse(line)) };
}

test('a line names the service, the actor, the level as a word, the time and its own fields', () => {
  const { logger, lines } = aLogger();
  logger.child({ taskId: 't1' }).info({ frameworkId: 'fw' }, 'task started');
  expect(lines()).toEqual([
    expect.objectContaining({
      service: 'agent',
      actorId: 'agent-1',
      level: 'info',
      taskId: 't1',
      frameworkId: 'fw',
      msg: 'task started',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    }),
  ]);
});

test('secret fields are taken out at any of three depths', () => {
  const { logger, lines } = aLogger();
  const seeds = { control: 'a' };
  logger.info({ seeds, credential: { seeds }, options: { nats: { password: 'b', user: 'u' } } });
  expect(lines()).toEqual([
    expect.objectContaining({
      seeds: '[secret]',
      credential: '[secret]',
      options: { nats: { password: '[secret]', user: 'u' } },
    }),
  ]);
});

test('the seed of a key is taken out wherever it stands, messages and errors included', () => {
  const { logger, lines } = aLogger();
  const seed = `SU${'A2'.repeat(28)}`;
  logger.error({ err: new Error(`cannot use ${seed}`), list: [[[[seed]]]] }, `seed ${seed}`);
  expect(lines()).toHaveLength(1);
  expect(JSON.stringify(lines())).not.toContain(seed);
  expect(lines()).toEqual([expect.objectContaining({ msg: 'seed [secret]' })]);
});

test('the level can be changed while it runs, and SIGUSR2 goes to debug and back', () => {
  const { logger, lines } = aLogger();
  logger.debug('unseen');
  expect(changeLevel(logger, 'warn')).toBe('info');
  logger.info('unseen');
  const toggle = createDebugToggle(logger);
  expect([toggle(), toggle()]).toEqual(['debug', 'warn']);
  toggle();
  logger.debug('seen');
  expect(lines()).toEqual([expect.objectContaining({ msg: 'seen' })]);
});
