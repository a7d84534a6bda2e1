import type { ActorLog } from '@parley/telemetry/logger';
import { expect, test } from 'vitest';
import { StreamTroubles } from './stream-troubles.ts';

test('a trouble is told once, another one too, and when it is over', () => {
  const said: string[] = [];
  const log =
    (level: string) =>
    (fields: object | string): void =>
      void said.push(`${level} ${JSON.stringify(fields)}`);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const troubles = new StreamTroubles(logger as ActorLog);
  troubles.tell('JOURNAL', undefined);
  troubles.tell('JOURNAL', 'full');
  troubles.tell('JOURNAL', 'full');
  troubles.tell('OTHER', undefined);
  troubles.tell('JOURNAL', 'no write within 2000 ms');
  troubles.tell('JOURNAL', undefined);
  troubles.tell('JOURNAL', undefined);
  expect(said).toEqual([
    'error {"stream":"JOURNAL","trouble":"full"}',
    'error {"stream":"JOURNAL","trouble":"no write within 2000 ms"}',
    'info {"stream":"JOURNAL"}',
  ]);
});
