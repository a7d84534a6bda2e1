// Tests that nothing which comes in over HTTP brings a gateway down or makes it answer that it is at fault. A sample; many
// more inputs are in gateway-fuzz.long.test.ts.

import { TEST_TIMEOUT_MS } from '@parley/test-integration/cluster-fixture';
import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { FuzzedGateway } from './fuzzed-gateway.ts';

const INPUTS = 2000;

test(
  'a gateway answers whatever comes in over HTTP, and never that it is at fault',
  async () => {
    await using fuzzed = await FuzzedGateway.open();
    const { answers, faults } = await fuzz(fuzzed.url, 1, INPUTS);
    expect(faults).toEqual([]);
    expect(answers.get(400)).toBeGreaterThan(INPUTS / 10);
    await fuzzed.expectWell();
  },
  2 * TEST_TIMEOUT_MS,
);
