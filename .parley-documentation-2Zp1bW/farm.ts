// farm.ts
import { cmd } from '@parley/scheduler-sdk/desired-task';
import { Framework } from '@parley/scheduler-sdk/framework';
import { binPack } from '@parley/scheduler-sdk/placement/bin-pack';
import { spread } from '@parley/scheduler-sdk/placement/spread';

const open = new Set(['north', 'south', 'east']);
const farm = new Framework<{ field: string }>({
  credential: process.argv[2] ?? '',
  name: 'farm',
  role: '*',
})
  .desired(() =>
    [...open].map((field) => ({
      key: field,
      payload: { field },
      need: { cpus: 0.2, mem: '32MiB' },
      run: cmd('sh', '-c', `echo ploughing ${field}`),
      retry: { max: 3, backoff: { firstMs: 500, factor: 2, maxMs: 10_000 } },
    })),
  )
  .place(binPack('mem'), spread('hostname', 0.3));
await farm.start();

// Acknowledged when the loop comes round; what throws or breaks off gets the same update again.
for await (const update of farm.updates()) {
  if (!update.terminal || update.willRetry) continue;
  process.stdout.write(`${update.payload.field}: ${update.state}\n`);
  open.delete(update.key);
  if (open.size === 0) void farm.teardown();
}
