// Owns which encoding the headers of a request name. Headers as Node joins them: doubled ones with a comma between.
import type { Encoding } from './codec.ts';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
/** Of a stream of records; what each is encoded in is said by a header beside it. */
export const RECORDIO_TYPE = 'application/recordio';

export const mediaTypeOf = (encoding: Encoding): string =>
  encoding === 'json' ? JSON_TYPE : PROTOBUF_TYPE;

/** Undefined for any other; Mesos takes these two to the letter, without parameters. */
export function encodingOfContentType(contentType: string): Encoding | undefined {
  if (contentType === JSON_TYPE) return 'json';
  return contentType === PROTOBUF_TYPE ? 'protobuf' : undefined;
}

/** JSON where the client takes it, or does not say what it takes; undefined where it takes neither. */
export function encodingOfAccept(accept: string | undefined): Encoding | undefined {
  if (accepts(accept, JSON_TYPE)) return 'json';
  return accepts(accept, PROTOBUF_TYPE) ? 'protobuf' : undefined;
}

/** The most specific range that fits decides (RFC 9110, section 12.5.1): only one with `q=0` refuses. */
export function accepts(accept: string | undefined, mediaType: string): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const ranges = [mediaType, `${mediaType.split('/')[0]}/*`, '*/*'];
  let best = ranges.length;
  let isAccepted = false;
  for (const item of accept.split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const rank = ranges.indexOf(range);
    if (rank < 0 || rank > best) continue;
    const isRefused = parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
    isAccepted = rank === best ? isAccepted || !isRefused : !isRefused;
    best = rank;
  }
  return isAccepted;
}
