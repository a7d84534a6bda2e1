// Owns fetching over HTTP: by curl of the distribution, one hop of a redirect after the other, each only to addresses that the
// policy allows. The name is resolved here and curl told the addresses, so that no second answer leads it elsewhere.
import { lookup } from 'node:dns/promises';
import type { FileHandle } from 'node:fs/promises';
import { isIP } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '@parley/actor/nats/system-clock';
import { type ConfinedEnd, runConfined } from './confined-command.ts';
import { FetchFailure, TooLarge } from './fetch-failure.ts';
import { type FetchPolicy, mayFetchFrom } from './fetch-policy.ts';

export type HttpRequest = {
  readonly url: string;
  /** Emptied and filled. */
  readonly into: FileHandle;
  /** A copy with this tag is here already. */
  readonly knownTag?: string | undefined;
  readonly policy: FetchPolicy;
  readonly signal: AbortSignal;
};

export type HttpAnswer =
  | { readonly kind: 'fetched'; readonly tag: string | undefined }
  /** What has the known tag is still what there is. */
  | { readonly kind: 'unchanged' };

const MAX_REDIRECTS = 5;
/** Nothing has come for so long: it is given up. Mesos: `--fetcher_stall_timeout`. */
const STALL_S = 60;
const CONNECT_S = 30;
/** curl(1), "EXIT CODES". */
const CURL = { timedOut: 28, notTrusted: 60, tooLarge: 63 } as const;
/** Before and behind the reason in what curl says: its own name and number, and where to read about curl. */
const REASON = /^(?:curl: (?:\(\d+\) )?)?(?:SSL(?: certificate problem)?: )?(.*)/;
/** A name, or an address. What curl is told of a host (`--resolve`) means something else where it begins with `-`, `+` or `*`. */
const HOST = /^[a-z0-9_[]/;
const TAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/;
const WORD = '%{stderr}@%{http_code} %{redirect_url} %header{etag}@';
const SAID = /@(\d{3}) (\S*) (.*)@$/;

/** Rejects with a `FetchFailure`, or the file error. */
export async function fetchHttp(request: HttpRequest): Promise<HttpAnswer> {
  const endsMs = systemClock.nowMs() + request.policy.timeoutMs;
  let url = new URL(request.url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const leftMs = Math.max(1, endsMs - systemClock.nowMs());
    await request.into.truncate(0);
    request.signal.throwIfAborted();
    const addresses = await resolve(url, request.policy, leftMs);
    const end = await runConfined({
      argv: curl(url, addresses, request, leftMs),
      stdout: request.into.fd,
      maxFileBytes: request.policy.maxBytes,
      // curl knows its time itself; this is for one that does not keep to it.
      timeoutMs: leftMs + 1000,
      signal: request.signal,
    });
    const { status, location, tag } = answerOf(end, request.policy);
    if (status === 200) return { kind: 'fetched', tag };
    if (status === 304 && request.knownTag !== undefined) return { kind: 'unchanged' };
    if (status < 300 || status >= 400 || !URL.canParse(location)) {
      throw new FetchFailure(`the server answered with status ${status}`);
    }
    url = new URL(location);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new FetchFailure(`it was redirected to ${url.protocol}, which is not followed`);
    }
  }
  throw new FetchFailure(`it was redirected more than ${MAX_REDIRECTS} times`);
}

async function resolve(url: URL, policy: FetchPolicy, timeoutMs: number): Promise<string[]> {
  if (!HOST.test(url.hostname)) throw new FetchFailure(`${url.hostname} is no name of a host`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await inTime(
    lookup(host, { all: true }).catch((error: Error) => {
      throw new FetchFailure(`the address of ${host} was not found: ${error.message}`);
    }),
    timeoutMs,
  );
  const addresses = found.map(({ address }) => address);
  const allowed = addresses.filter((address) => mayFetchFrom(policy.addresses, address));
  if (allowed.length > 0) return allowed;
  const what = `${host} is ${addresses.join(', ')}`;
  const rule = `this agent fetches from ${policy.addresses} addresses (--fetch-addresses)`;
  throw new FetchFailure(`${what}, from which nothing is fetched: ${rule}`);
}

async function inTime<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  const done = new AbortController();
  const late = wait(timeoutMs, undefined, { signal: done.signal }).then(() => {
    throw new FetchFailure(`its address was not found within ${timeoutMs} ms`, 'fetchTimeout');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

function curl(
  url: URL,
  addresses: readonly string[],
  { knownTag, policy }: HttpRequest,
  leftMs: number,
): string[] {
  const host = url.hostname;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const isLiteral = isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0;
  const listed = addresses.map((each) => (each.includes(':') ? `[${each}]` : each)).join(',');
  const seconds = (limit: number): string => Math.min(limit, leftMs / 1000).toFixed(3);
  return [
    // No configuration of a user, no guessing in the address, no proxy: it goes where was looked.
    ...['curl', '-q', '--silent', '--show-error', '--globoff', '--noproxy', '*'],
    ...['--proto', '=http,https', '--user-agent', 'parley-agent', '--write-out', WORD],
    ...['--connect-timeout', seconds(CONNECT_S), '--max-time', seconds(Number.POSITIVE_INFINITY)],
    ...['--speed-limit', '1', '--speed-time', String(STALL_S)],
    ...['--max-filesize', String(policy.maxBytes)],
    ...(isLiteral ? [] : ['--resolve', `${host}:${port}:${listed}`]),
    ...(knownTag === undefined ? [] : ['--header', `If-None-Match: ${knownTag}`]),
    ...['--url', url.href],
  ];
}

function answerOf(
  end: ConfinedEnd,
  policy: FetchPolicy,
): { readonly status: number; readonly location: string; readonly tag: string | undefined } {
  const { code, stderr } = end;
  if (end.isTooLarge || code === CURL.tooLarge) {
    throw new TooLarge('it is', policy.maxBytes);
  }
  const [said = '', status = '0', location = '', tag = ''] = SAID.exec(stderr) ?? [];
  const [, why = ''] = REASON.exec(stderr.slice(0, stderr.length - said.length).trim()) ?? [];
  if (end.isTimedOut || code === CURL.timedOut) {
    throw new FetchFailure(
      `it did not come in time: ${why || 'nothing was heard'}`,
      'fetchTimeout',
    );
  }
  if (code === CURL.notTrusted) {
    throw new FetchFailure(`this host does not trust the certificate of the server: ${why}`);
  }
  if (code === 0) return { status: Number(status), location, tag: TAG.test(tag) ? tag : undefined };
  throw new FetchFailure(why || 'curl of this agent could not be run');
}
