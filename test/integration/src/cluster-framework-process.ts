// A framework in a process of its own, for tests that kill it: arguments are a credential, a framework id, how many tasks to
// launch on its first offer, and `handle`, `hold` or `handle-one`: held offers and updates are never answered, but for the
// first update with the last of these. Tells what happens a line each. Its tasks end when the credential is taken away.
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import { task } from '@parley/scheduler-sdk/task';

const [credential = '', frameworkId = '', launches = '0', manner = 'handle'] =
  process.argv.slice(2);
let left = Number(launches);
let updates = 0;

/** Whoever waits for this waits until the process is killed. */
const never = new Promise<void>(() => undefined);
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const rest = (): Promise<void> | undefined => (manner === 'handle' ? undefined : never);

const scheduler: Scheduler = await connectScheduler({
  credential,
  frameworkId,
  name: frameworkId,
  role: '*',
  onOffers: (offers, self) => {
    const [first] = offers;
    if (left > 0 && first !== undefined) {
      const tasks = Array.from({ length: left }, (_, index) =>
        task({
          id: `p${index}`,
          cpus: 0.1,
          mem: '32MiB',
          command: `while [ -e ${credential} ]; do sleep 0.2; done`,
        }),
      );
      left = 0;
      void self.launch(first, tasks).then(({ ok }) => tell(`launched ${ok}`));
    }
    for (const { offerId } of offers) tell(`offer ${offerId}`);
    return rest();
  },
  onUpdate: (update) => {
    const isTold = update.reason !== 'reconciliation';
    tell(`${isTold ? 'update' : 'reconciled'} ${update.task.taskId} ${update.state}`);
    updates += 1;
    return manner === 'handle-one' && updates === 1 ? undefined : rest();
  },
  onError: (error) => tell(`error ${error.message}`),
});
tell('subscribed');
try {
  await scheduler.ended();
  tell('ended');
} catch (error) {
  tell(`refused ${error instanceof SchedulerError ? error.failure.code : String(error)}`);
}
process.exit(0);
