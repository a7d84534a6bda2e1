// keeper.ts
import { isTerminal } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { resources, task } from '@parley/scheduler-sdk/task';

const size = { cpus: 0.1, mem: '32MiB' };
let step = 0;
const scheduler = await connectScheduler({
  credential: process.argv[2] ?? '',
  name: 'keeper',
  role: 'keepers',
  async onOffers(offers, self) {
    for (using lease of self.leases(offers)) {
      const mounted = { volumes: [{ volumeId: 'notes', path: 'notes' }], reservationId: 'keeper' };
      const hasVolume = lease.offer.reservations.some(({ volumes }) => volumes.length > 0);
      if (step === 0) {
        step = 1;
        const write = { ...task({ id: 'write', command: 'echo kept > notes/file', ...size }), ...mounted };
        await lease.accept([
          { kind: 'reserve', reservationId: 'keeper', resources: resources({ ...size, disk: '64MiB' }) },
          { kind: 'createVolume', reservationId: 'keeper', volumeId: 'notes', mib: 32 },
          { kind: 'launch', tasks: [write] },
        ]);
      } else if (step === 2 && hasVolume) {
        step = 3;
        const read = { ...task({ id: 'read', command: 'grep kept notes/file', ...size }), ...mounted };
        await lease.accept([{ kind: 'launch', tasks: [read] }]);
      } else if (step === 4 && hasVolume) {
        step = 5;
        await lease.accept([
          { kind: 'destroyVolume', volumeId: 'notes' },
          { kind: 'unreserve', reservationId: 'keeper' },
        ]);
        void self.teardown();
      } else lease.decline({ filter: { refuseMs: 200 } });
    }
  },
  onUpdate({ task: { taskId }, state, exitCode }) {
    process.stdout.write(`${taskId} is ${state}\n`);
    if (isTerminal(state) && exitCode === 0) step += 1;
  },
});
await scheduler.ended();
