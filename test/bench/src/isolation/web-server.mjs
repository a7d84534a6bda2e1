// The task whose latency is measured: a web server that works some milliseconds for each request, and its one client beside it
// in the same scope, who waits a little between requests. Each line of output is one latency in milliseconds, with the moment.
import { pbkdf2Sync } from 'node:crypto';
import { createServer, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const ROUNDS = 6000;
const PAUSE_MS = 5;

const server = createServer((_, response) => {
  response.end(pbkdf2Sync('some', 'work', ROUNDS, 32, 'sha256').toString('hex'));
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  for (;;) {
    const beganMs = performance.now();
    await new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port }, (response) => response.resume().on('end', resolve)).on(
        'error',
        reject,
      );
    });
    const latencyMs = performance.now() - beganMs;
    process.stdout.write(`${Date.now()} ${latencyMs.toFixed(3)}\n`);
    await wait(PAUSE_MS);
  }
});
