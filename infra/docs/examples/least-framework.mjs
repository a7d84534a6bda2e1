// node least-framework.mjs CREDENTIAL: a whole framework of five messages, with nothing but `nats` and `msgpackr`.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { pack, unpack } from 'msgpackr';
import { connect, nkeyAuthenticator } from 'nats';

const { cluster, servers, actor, seeds } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const open = (seed) => {
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
  return connect({ servers, authenticator, inboxPrefix: `_INBOX.principal.${actor.id}` });
};
const control = await open(seeds.control); // the cluster's messages
const own = await open(seeds.work); // this principal's own account, with the stream of its updates
const id = `least-${process.pid}-${Date.now()}`;
const calls = `parley.${cluster}.master.call.framework.${actor.id}.${id}`;
const waiting = ['least-0', 'least-1', 'least-2', 'least-3', 'least-4'];
const unfinished = new Set(waiting);
let [session, confirmed, counter] = [undefined, 0, 0];
const message = (kind, target, body, request) =>
  pack({ version: 1, kind, target, body, request, frameworkSession: session });

/** A call is sent with one id until it is answered: nothing is lost, and nothing is done twice. */
async function call(kind, subject, body) {
  counter += 1;
  const bytes = message(kind, subject, body, { session: id, counter, lowest: counter });
  for (;;) {
    const reply = await control.request(subject, bytes, { timeout: 2000 }).catch(() => undefined);
    const answer = reply && unpack(reply.data).answer;
    if (answer?.ok) return answer.value;
    const passing = ['overloaded', 'rateLimited', 'unavailable', 'diskFull'];
    if (answer && !passing.includes(answer.failure.code)) throw new Error(answer.failure.message);
    await wait(500);
  }
}
// 1. Subscribe. `failoverTimeoutMs: 0`: it is removed as soon as it has been silent for too long.
const offers = control.subscribe(`parley.${cluster}.framework.${actor.id}.${id}.offers`);
const me = { name: 'least', roles: ['*'], failoverTimeoutMs: 0 };
const subscribed = await call('framework.subscribe', `${calls}.subscribe`, me);
session = subscribed.session;
// 2. Heartbeat, so that nobody takes it for dead.
const heart = `${calls}.heartbeat`;
const beat = () =>
  control.publish(heart, message('framework.heartbeat', heart, { session, confirmed }));
beat();
setInterval(beat, subscribed.heartbeatIntervalMs);
// 3. Offers come, and 4. are accepted on the subject that names the offer. What no task uses is declined with it.
void (async () => {
  for await (const { data } of offers) {
    const { number, offers: list } = unpack(data).body;
    confirmed = number;
    for (const { offerId, resources } of list) {
      const room = Math.min(resources.scalars.cpus / 100, resources.scalars.mem / 32_000);
      const tasks = waiting.splice(0, Math.floor(room)).map((taskId) => ({
        taskId,
        resources: { scalars: { cpus: 100, mem: 32_000 } }, // thousandths: 0.1 CPUs, 32 MiB
        command: { argv: ['echo', `hello from ${taskId}`] },
      }));
      const subject = `parley.${cluster}.offers.${actor.id}.${id}.${offerId}.accept`;
      const operations = [{ kind: 'launch', tasks }];
      await call('offer.accept', subject, { offerIds: [offerId], operations });
    }
  }
})();
// 5. Status updates are read from the principal's own stream, and acknowledged when they were handled.
const stream = `PARLEY_${cluster}_UPDATES_${actor.id}`;
const filter_subject = `parley.${cluster}.updates.*.${actor.id}.${id}.*`;
const config = { durable_name: id, filter_subject, ack_policy: 'explicit' };
const consumer = `$JS.API.CONSUMER.CREATE.${stream}.${id}.${filter_subject}`;
await own.request(consumer, JSON.stringify({ stream_name: stream, config }));
while (unfinished.size > 0) {
  const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${id}`;
  const update = await own.request(next, '{"expires":2000000000}', { timeout: 3000, noMux: true });
  if (update.headers?.code) continue; // nothing for now
  const { task, state } = unpack(update.data).body;
  process.stdout.write(`${task.taskId} is ${state}\n`);
  if (/finished|failed|killed|error|dropped|gone/.test(state)) unfinished.delete(task.taskId);
  update.respond('+ACK');
}
await own.drain();
process.exit();
