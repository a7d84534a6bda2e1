// Owns the process that polls gateways as tools and open tabs do: /state each second, a list seven times a second, of each. It
// is a process of its own, so that whoever measures does not wait for what it reads.
import { percentile } from '../measurement.ts';
import { type Answers, type FromPoller, PollerPlan, ToPoller } from './poller-messages.ts';

const STATE_MS = 1000;
const LIST_MS = 1000 / 7;

const { urls } = PollerPlan.parse(JSON.parse(process.argv[2] ?? '{}'));
type Polled = { readonly times: number[]; failed: number };
const polled: { readonly state: Polled; readonly list: Polled } = {
  state: { times: [], failed: 0 },
  list: { times: [], failed: 0 },
};

for (const url of urls) {
  poll(`${url}/state`, STATE_MS, polled.state);
  poll(`${url}/v1/agents`, LIST_MS, polled.list);
}
process.on('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  ToPoller.parse(raw);
  const told: FromPoller = {
    ...{ kind: 'polled', state: answersOf(polled.state), list: answersOf(polled.list) },
  };
  process.send?.(told);
});

/** A question that is not answered yet is not asked again. */
function poll(url: string, everyMs: number, into: Polled): void {
  let isAsking = false;
  setInterval(async () => {
    if (isAsking) return;
    isAsking = true;
    const beganMs = performance.now();
    try {
      const answer = await fetch(url);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      into.times.push(performance.now() - beganMs);
    } catch {
      into.failed += 1;
    }
    isAsking = false;
  }, everyMs);
}

function answersOf({ times, failed }: Polled): Answers {
  return { count: times.length, failed, p50: times.length === 0 ? 0 : percentile(times, 50) };
}
