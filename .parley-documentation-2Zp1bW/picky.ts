// picky.ts
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { describeShortfall } from '@parley/scheduler-sdk/shortfall';
import { resources } from '@parley/scheduler-sdk/task';

const need = resources({ cpus: 0.5, mem: '64MiB' });
const scheduler = await connectScheduler({
  credential: process.argv[2] ?? '',
  name: 'picky',
  role: '*',
  demand: [
    { count: 1, resources: need, constraints: [{ name: 'hostname', operator: 'exists' }] },
    // Nobody has that attribute: nothing is offered for it, and nobody is kept waiting.
    { count: 9, resources: need, constraints: [{ name: 'gpu-model', operator: 'exists' }] },
  ],
  onOffers(offers, self) {
    for (using lease of self.leases(offers)) {
      process.stdout.write(`offered ${lease.offer.resources.scalars['cpus']} thousandths of a CPU\n`);
      const short = lease.why({ resources: resources({ cpus: 4, mem: '1GiB' }) });
      process.stdout.write(`too little for a large task: ${short.map(describeShortfall).join(', ')}\n`);
      lease.decline({ reason: 'tooSmall', text: 'waiting for something larger', filter: { refuseMs: 60_000 } });
    }
    void self.teardown();
  },
  onUpdate: () => undefined,
});
await scheduler.ended();
