import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { expect, test } from 'vitest';
import { LiveCluster } from './live-cluster.ts';

test('what is known is as old as the last look that found all of the journal known, where that is a second ago or longer', async () => {
  let nowMs = 10_000;
  const link = {
    currentAtMs: nowMs,
    onEvent: () => {},
    follow: async () => {},
  };
  const logger = { warn: () => {}, info: () => {} };
  const live = await LiveCluster.follow(link as unknown as OperatorLink, {
    nowMs: () => nowMs,
    logger: logger as never,
  });
  const staleAfter = (ms: number) => {
    nowMs = link.currentAtMs + ms;
    return live.staleMs();
  };
  expect([0, 1000, 1001, 2500].map(staleAfter)).toEqual([0, 0, 1001, 2500]);
});
