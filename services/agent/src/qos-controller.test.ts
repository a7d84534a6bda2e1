// Tests when an agent takes back what it has lent.
import { expect, test } from 'vitest';
import { DEFAULT_QOS_LIMITS, QosController } from './qos-controller.ts';

const calm = { memory: 0, cpu: 100 };

test('a task goes when tasks wait for memory as long as the limit says, and the reason says how long', () => {
  const qos = new QosController({ memory: 10, cpu: 0 });
  expect(qos.look({ ...calm, memory: 9.99 }, 0)).toBeUndefined();
  expect(qos.look({ ...calm, memory: 10 }, 0)).toContain(
    'short of memory: tasks waited for it 10 % of the last 10 s',
  );
});

test('the next one goes only when the figures can show what the end of the one before has changed', () => {
  const qos = new QosController(DEFAULT_QOS_LIMITS);
  const pressed = { ...calm, memory: 50 };
  expect(qos.look(pressed, 5000)).toBeDefined();
  expect(qos.look(pressed, 14_999)).toBeUndefined();
  expect(qos.look(pressed, 15_000)).toBeDefined();
});

test('CPUs that are all busy take nothing back unless an operator says from where on', () => {
  expect(new QosController(DEFAULT_QOS_LIMITS).look(calm, 0)).toBeUndefined();
  expect(new QosController({ memory: 10, cpu: 90 }).look(calm, 0)).toContain('short of CPU');
});

test('a host that tells no pressure takes nothing back', () => {
  const qos = new QosController({ memory: 1, cpu: 1 });
  expect(qos.look({ memory: undefined, cpu: undefined }, 0)).toBeUndefined();
});
