// Owns hostile requests to a gateway: drawn from a seed, sent, and counted by how they were answered. What is a fault is a
// 5xx other than 501 and 503, or no answer to a request that is well-formed HTTP.
import http from 'node:http';
import net from 'node:net';
import { encode } from '@parley/mesos-api/codec';
import { DrawnSeries } from '@parley/mesos-api/drawn-message';
import { MESSAGE_TYPES, type MessageName } from '@parley/mesos-api/message-types';
import { encodeRecord } from '@parley/mesos-api/record-io';
import { FuzzInsider } from './fuzz-insider.ts';
import { drawOwn, drawRecords, type Input } from './fuzz-own.ts';

/** So many that those which wait for the end of a stream, or for none at all, hold up nobody. */
const AT_ONCE = 48;
/** A stream is left after so long; an answer that ends does so before. */
const STREAM_MS = 150;
const ANSWER_MS = 30_000;
const RAW_MS = 500;
const MAX_FAULTS_KEPT = 10;

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'];
/** Where which message is expected. */
const CALLS: readonly (readonly [string, MessageName])[] = [
  ['/api/v1/scheduler', 'scheduler.Call'],
  ['/master/api/v1/scheduler', 'scheduler.Call'],
  ['/api/v1/executor', 'executor.Call'],
  ['/slave(1)/api/v1/executor', 'executor.Call'],
  ['/api/v1', 'master.Call'],
  ['/api/v1', 'agent.Call'],
  ['/api/v1/operator', 'master.Call'],
  ['/slave(1)/api/v1', 'agent.Call'],
];
const PAGES = [
  ...[
    '/',
    '/healthz',
    '/readyz',
    '/health',
    '/version',
    '/metrics',
    '/state',
    '/state.json',
    '/state-summary',
  ],
  ...[
    '/slaves',
    '/frameworks',
    '/tasks',
    '/tasks.json',
    '/roles',
    '/weights',
    '/quota',
    '/quota/x',
    '/flags',
  ],
  ...[
    '/metrics/snapshot',
    '/redirect',
    '/maintenance/schedule',
    '/maintenance/status',
    '/machine/up',
    '/machine/down',
  ],
  ...[
    '/reserve',
    '/unreserve',
    '/create-volumes',
    '/destroy-volumes',
    '/teardown',
    '/master/state/',
    '/mesos-agents/1/state',
  ],
  ...[
    '/files/browse',
    '/files/read',
    '/files/download',
    '/slave(1)/state',
    '/slave(1)/files/read',
    '/slave(99999999999)/state',
  ],
  ...[
    '/slave(1)/monitor/statistics',
    '/slave(1)/containers',
    '/__proto__',
    '/%00',
    '/%',
    '/..%2f..%2fetc%2fpasswd',
    '//x//',
  ],
];
const QUERIES = [
  ...[
    '',
    '',
    '',
    '?jsonp=cb',
    '?jsonp=<script>',
    '?limit=-1&offset=1e99&order=up',
    '?limit=999999999999999999999',
    '?%',
    '?a[b]=c',
  ],
  ...[
    '?path=/../../etc/passwd&offset=-1&length=99',
    '?path=%00',
    '?path=&offset=NaN',
    '?jsonp',
    '?__proto__[x]=1',
    '?slave_id=*',
  ],
  ...['?framework_id=__proto__&task_id=.>', `?path=${'a/'.repeat(500)}`],
];
const CONTENT_TYPES = [
  ...[
    'application/json',
    'application/x-protobuf',
    'application/json; charset=utf-8',
    'application/recordio',
    '',
  ],
  ...[
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    '/',
    ';;;',
    'x'.repeat(2000),
  ],
];
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/x-protobuf',
  'application/recordio',
  'text/html',
  ',,;q=',
  '*/*;q=0',
];
const ODD_HEADERS = [
  ...[
    'mesos-stream-id',
    'authorization',
    'message-accept',
    'message-content-type',
    'origin',
    'host',
    'cookie',
    'referer',
  ],
  ...[
    'if-none-match',
    'last-event-id',
    'content-encoding',
    'x-forwarded-for',
    'range',
    '__proto__',
    'accept-encoding',
  ],
];
const ODD_VALUES = [
  ...[
    '',
    'x',
    'null',
    'Basic ',
    'Basic !!!!',
    'Basic OnB3',
    'Bearer ',
    `Bearer ${'a'.repeat(3000)}`,
    'gzip',
    'bytes=0-',
    '*',
  ],
  ...[
    'http://evil.example',
    '00000000-0000-0000-0000-000000000000',
    '9'.repeat(400),
    'a=b; c',
    '"',
    '\u00e9',
    'application/json',
  ],
];
/** Bytes that begin no request, or one that never ends as it says. */
const RAW = [
  ...[
    '\r\n\r\n',
    'GET',
    'GET / HTTP/9.9\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    'POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  ],
  'POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n',
  'POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"type"',
  `GET /state HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  `GET /${'z'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /state HTTP/1.1\r\n\r\n',
];

export type FuzzReport = {
  /** How many answers had which status; `cut` where the connection ended without one. */
  readonly answers: Map<number | 'cut', number>;
  /** The first few, as text. */
  readonly faults: string[];
};

/** Sends so many inputs to the gateway. The same seed sends the same ones, in an order that the answers decide. */
export async function fuzz(url: string, seed: number, inputs: number): Promise<FuzzReport> {
  const report: FuzzReport = { answers: new Map(), faults: [] };
  const series = new DrawnSeries(seed);
  const insider = await FuzzInsider.subscribe(url);
  const agent = new http.Agent({ keepAlive: true });
  let left = inputs;
  const send = async () => {
    for (; left > 0; ) {
      left -= 1;
      if (series.below(20) === 0) await sendRaw(url, series.oneOf(RAW));
      else await sendOne({ url, agent }, drawInput(series, insider), report);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  agent.destroy();
  if (!insider.isSubscribed) report.faults.push('the stream of a framework ended');
  await insider.leave();
  return report;
}

function drawInput(series: DrawnSeries, insider: FuzzInsider): Input {
  if (series.below(4) === 0) {
    return { method: 'POST', path: '/api/v1/scheduler', ...insider.drawCall(series) };
  }
  if (series.below(4) === 0) return drawOwn(series);
  if (series.below(10) === 0) return drawRecords(series);
  const headers: Record<string, string> = {};
  for (let more = series.below(3); more > 0; more -= 1) {
    headers[series.oneOf(ODD_HEADERS)] = series.oneOf(ODD_VALUES);
  }
  if (series.below(2) === 0) headers['accept'] = series.oneOf(ACCEPTS);
  const [path, name] = series.oneOf(CALLS);
  if (series.below(3) === 0) {
    headers['content-type'] = series.oneOf(CONTENT_TYPES);
    const method = series.oneOf(METHODS);
    return {
      method,
      path: series.oneOf(PAGES) + series.oneOf(QUERIES),
      headers,
      body: drawBody(series, name),
    };
  }
  const isJson = series.below(2) === 0;
  headers['content-type'] = isJson ? 'application/json' : 'application/x-protobuf';
  if (series.below(10) === 0) headers['content-type'] = series.oneOf(CONTENT_TYPES);
  const body = drawBody(series, name, isJson);
  return { method: series.below(20) === 0 ? series.oneOf(METHODS) : 'POST', path, headers, body };
}

/** A message of the kind that is expected or of another, whole, damaged, cut, as a record, or no message at all. */
function drawBody(
  series: DrawnSeries,
  name: MessageName,
  isJson = series.below(2) === 0,
): Uint8Array {
  const names = Object.keys(MESSAGE_TYPES) as MessageName[];
  const drawn = series.below(8) === 0 ? series.oneOf(names) : name;
  const value = series.message(MESSAGE_TYPES[drawn]);
  const bytes = Uint8Array.from(encode(drawn, isJson ? 'json' : 'protobuf', value as never));
  switch (series.below(8)) {
    case 0:
      return bytes.subarray(0, series.below(bytes.length + 1));
    case 1:
      return encodeRecord(bytes);
    case 2:
      return new Uint8Array(series.below(300)).map(() => series.below(256));
    case 3:
      return Buffer.from(
        series.oneOf([
          '',
          '{}',
          '[]',
          'null',
          '['.repeat(50_000),
          '{"type":"SUBSCRIBE"}',
          '{"type":5}',
        ]),
      );
    case 4:
    case 5:
      for (let times = 1 + series.below(4); times > 0 && bytes.length > 0; times -= 1) {
        bytes[series.below(bytes.length)] = series.below(256);
      }
      return bytes;
    default:
      return bytes;
  }
}

type Place = { readonly url: string; readonly agent: http.Agent | false };

async function sendOne(place: Place, input: Input, report: FuzzReport): Promise<void> {
  const status = await statusOf(place, input);
  report.answers.set(status, (report.answers.get(status) ?? 0) + 1);
  const isFine = status !== 'cut' && (status < 500 || status === 501 || status === 503);
  if (isFine || report.faults.length >= MAX_FAULTS_KEPT) return;
  const { method, path, headers, body } = input;
  report.faults.push(
    `${status}: ${method} ${path} ${JSON.stringify(headers)} ${Buffer.from(body).toString('latin1').slice(0, 2000)}`,
  );
}

/** Over a connection that others used before, as clients do: one that the gateway had ended already is no answer. */
function statusOf({ url, agent }: Place, input: Input): Promise<number | 'cut'> {
  const { hostname, port } = new URL(url);
  const { method, path, headers, body } = input;
  return new Promise((resolve) => {
    const request = http.request({
      hostname,
      port,
      method,
      path,
      headers: { ...headers, 'content-length': body.length },
      agent,
    });
    request.setTimeout(ANSWER_MS, () => request.destroy());
    request.on('response', (response) => {
      const leave = setTimeout(() => response.destroy(), STREAM_MS);
      response.on('error', () => undefined);
      response.on('close', () => {
        clearTimeout(leave);
        resolve(response.statusCode ?? 'cut');
      });
      response.resume();
    });
    request.on('error', () =>
      resolve(request.reusedSocket ? statusOf({ url, agent: false }, input) : 'cut'),
    );
    request.end(body);
  });
}

/** Only that the gateway lives on is of interest: much of this deserves no answer. */
function sendRaw(url: string, text: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    const leave = setTimeout(() => socket.destroy(), RAW_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(leave);
      resolve();
    });
    socket.resume();
  });
}
