// Owns hostile requests to what is Parley's own beside Mesos's interfaces: the paths of /v1, signing in, the console. And
// those whose body is a stream of records, as of a terminal that is attached. Part of the fuzzing in fuzz.ts.
import { encode } from '@parley/mesos-api/codec';
import type { DrawnSeries } from '@parley/mesos-api/drawn-message';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import { MESSAGE_TYPES } from '@parley/mesos-api/message-types';
import { encodeRecord } from '@parley/mesos-api/record-io';

export type Input = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

/** A `*` stands for a name. */
const READS = [
  ...['/v1/overview', '/v1/agents', '/v1/frameworks', '/v1/tasks', '/v1/offers', '/v1/events'],
  ...['/v1/agents/*', '/v1/frameworks/*/*', '/v1/tasks/*/*/*', '/v1/tasks/*/*/*/story'],
  ...['/v1/tasks/*/*/*/logs', '/v1/tasks/*/*/*/files', '/v1/tasks/*/*/*/file'],
  ...['/v1/tasks/*/*/*/explain', '/v1/tasks/*/*/*/usage', '/v1/frameworks/*/*/explain'],
  ...['/v1/roles', '/v1/role', '/v1/system', '/v1/timeline', '/v1/export', '/v1/export.gz'],
  ...['/v1/course', '/v1/agents/*/course', '/v1/feed', '/v1/stream', '/v1/session', '/v1/*'],
  ...['/sign-in', '/sign-out', '/docs', '/openapi.json', '/ui', '/ui/*', '/ui/assets/*'],
];
const CHANGES = [
  ...['/v1/roles', '/v1/tasks/*/*/*/kill', '/v1/frameworks/*/*/teardown'],
  ...['/v1/agents/*/drain', '/v1/agents/*/*', '/sign-in', '/sign-out'],
];
/** None of them is one that is there: the cluster is to last. */
const NAMES = [
  ...['nobody', 'x', '*', '>', '.', '..', '%2e%2e', '%00', '%', '%ff', '__proto__', 'a%20b'],
  ...['%3Cscript%3E', 'constructor', 'y'.repeat(300), '%F0%9F%98%80', 'a%2Fb', ''],
];
const FIELDS = [
  ...['at', 'filter', 'sort', 'offset', 'limit', 'after', 'name', 'from', 'to', 'buckets'],
  ...['stream', 'length', 'path', 'next', 'token', '__proto__', 'at[]'],
];
const VALUES = [
  ...['', '0', '-1', '1e99', 'NaN', '99999999999999999999', 'first', 'last', '1', '1.5', '10m'],
  ...['state:', ':', 'state:running,', '-', '-allocated.cpus', '__proto__', '../../etc/passwd'],
  ...['%00', '%', '2026-01-01T00:00:00Z', '9999999999999-01-01', 'a'.repeat(3000), '"', 'stdout'],
];
const ODD_JSON = [
  ...[null, true, -1, 1e308, '', '*', '..', 'eng', [], {}, [[]], 'x'.repeat(1000)],
  ...[{ cpus: -1 }, { cpus: 1e21 }, { __proto__: 1 }, { cpus: '1' }, { 'no name': 1 }, 0.1],
];
const KEYS = ['role', 'weight', 'guarantee', 'limit', 'force', 'graceMs', 'reason', 'constructor'];
const CONTENT_TYPES = [
  ...['application/json', 'application/json', 'application/json; charset=utf-8', 'text/plain'],
  ...['application/x-www-form-urlencoded', 'multipart/form-data', ''],
];

export function drawOwn(series: DrawnSeries): Input {
  const isChange = series.below(3) === 0;
  const path = series.oneOf(isChange ? CHANGES : READS).replaceAll('*', () => series.oneOf(NAMES));
  const fields = Array.from(
    { length: series.below(4) },
    () => `${series.oneOf(FIELDS)}=${series.oneOf(VALUES)}`,
  );
  const query = fields.length === 0 ? '' : `?${fields.join('&')}`;
  if (!isChange) {
    const method = series.oneOf(['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'DELETE']);
    const headers = { 'last-event-id': series.oneOf(VALUES.slice(0, 10)) };
    return { method, path: path + query, headers, body: new Uint8Array() };
  }
  const headers = { 'content-type': series.oneOf(CONTENT_TYPES) };
  const method = series.oneOf(['POST', 'PUT']);
  return { method, path: path + query, headers, body: Buffer.from(drawText(series)) };
}

function drawText(series: DrawnSeries): string {
  if (series.below(4) === 0)
    return series.oneOf(['', '{', '[]', 'null', '['.repeat(20_000), 'a=b']);
  const pairs = Array.from({ length: series.below(5) }, () => [
    series.oneOf(KEYS),
    series.oneOf(ODD_JSON),
  ]);
  return JSON.stringify(Object.fromEntries(pairs));
}

/** A container that is not there, input before it is said where to, lengths that do not hold, types that are none. */
export function drawRecords(series: DrawnSeries): Input {
  const encoding = series.oneOf(['json', 'protobuf'] as const);
  const type = series.below(8) === 0 ? series.oneOf(CONTENT_TYPES) : mediaTypeOf(encoding);
  const headers = { 'content-type': 'application/recordio', 'message-content-type': type };
  const records = Array.from({ length: series.below(4) }, () => drawRecord(series, encoding));
  const path = series.oneOf(['/api/v1', '/slave(1)/api/v1', '/slave(2)/api/v1']);
  return { method: 'POST', path, headers, body: Buffer.concat(records) };
}

function drawRecord(series: DrawnSeries, encoding: 'json' | 'protobuf'): Uint8Array {
  const drawn = series.message(MESSAGE_TYPES['agent.Call']);
  const call = { ...drawn, type: 'ATTACH_CONTAINER_INPUT' } as never;
  const record = Uint8Array.from(encodeRecord(encode('agent.Call', encoding, call)));
  switch (series.below(6)) {
    case 0:
      return record.subarray(0, series.below(record.length + 1));
    case 1:
      record[series.below(record.length)] = series.below(256);
      return record;
    case 2: {
      const odd = ['0\n', '-1\n', '99999999999999999999\n', '\n', 'x\n{}', '3\n{}', '2\n{}{}'];
      return Buffer.from(series.oneOf(odd));
    }
    default:
      return record;
  }
}
