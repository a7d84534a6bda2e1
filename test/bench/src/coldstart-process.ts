// Owns one cold start, as a process of its own: it loads the state as a master does and prints how long that took.
// Arguments: the folder of the nats-server's credential file.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadReplica } from '@parley/actor/load-replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import { openBooksWith, unwrap } from './bench-books.ts';

const [, , credentialFile = ''] = process.argv;
const { connection, ...books } = await openBooksWith(credentialFile);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const beganMs = performance.now();
const began = process.cpuUsage();
const replica = unwrap(await loadReplica({ core: clusterCore, ...books }));
const seconds = (performance.now() - beganMs) / 1000;
const { user, system } = process.cpuUsage(began);
delay.disable();
const answer = {
  seconds,
  cpuSeconds: (user + system) / 1e6,
  longestTurnMs: delay.max / 1e6,
  sequence: replica.sequence,
  hash: replica.hash(),
};
process.stdout.write(`${JSON.stringify(answer)}\n`);
await connection.close();
