// Owns reading what a request shows to be let in: the Authorization header (RFC 7617, RFC 6750), the session's cookie.
import type { IncomingHttpHeaders } from 'node:http';

export type Shown =
  | { readonly way: 'basic'; readonly name: string; readonly password: string }
  | { readonly way: 'bearer'; readonly token: string }
  | { readonly way: 'unreadable' };

const MAX_LENGTH = 4096;
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Undefined: nothing is shown. */
export function authorizationOf({ authorization }: IncomingHttpHeaders): Shown | undefined {
  if (authorization === undefined) return undefined;
  if (authorization.length > MAX_LENGTH) return { way: 'unreadable' };
  const token = BEARER.exec(authorization)?.[1];
  if (token !== undefined) return { way: 'bearer', token };
  const pair = Buffer.from(BASIC.exec(authorization)?.[1] ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 1) return { way: 'unreadable' };
  return { way: 'basic', name: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

export function cookieOf({ cookie }: IncomingHttpHeaders, name: string): string | undefined {
  const pairs = (cookie ?? '').split(';').map((pair) => pair.trim());
  const found = pairs.find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}
