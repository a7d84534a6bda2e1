// Owns what protects a gateway from pages of other sites in the browser of somebody who may reach it: that it answers to
// its own names only (a page cannot make a name of its own point here, DNS rebinding), that pages of others start nothing
// and read nothing, and that a change by cookie also shows what only our own page knows.
import { isIP } from 'node:net';

export type Asked = {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** Fetch metadata: browsers send it to hosts that they trust, loopback among them; programs do not. */
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  readonly fetchDestination: string | undefined;
  readonly isUpgrade: boolean;
};

export type SiteRules = {
  /** Beside addresses, which nobody can rebind, and `localhost`. */
  readonly hostNames: ReadonlySet<string>;
  readonly isTls: boolean;
};

export type SiteProblem = { readonly status: 403 | 421; readonly message: string };

export const isSafe = (method: string): boolean => ['GET', 'HEAD', 'OPTIONS'].includes(method);

/** Undefined: nothing speaks against answering. */
export function siteProblem(asked: Asked, rules: SiteRules): SiteProblem | undefined {
  const { host, origin, fetchSite } = asked;
  // Before HTTP/1.1 there was none; no browser leaves it out.
  if (host !== undefined && !isOwnName(nameOf(host), rules)) {
    return {
      status: 421,
      message:
        'this gateway does not answer to that name: its option --host-name says to which it does',
    };
  }
  if (origin !== undefined && !isOwnOrigin(origin, host, rules)) {
    return { status: 403, message: 'pages of other sites may not ask this' };
  }
  const isForeign = fetchSite === 'cross-site' || fetchSite === 'same-site';
  if (isForeign && !isVisit(asked)) {
    return { status: 403, message: 'pages of other sites may link here, and nothing else' };
  }
  return undefined;
}

/** Somebody follows a link: what is answered is shown, and the page it came from cannot read it. */
const isVisit = ({ method, fetchMode, fetchDestination, isUpgrade }: Asked): boolean =>
  method === 'GET' && fetchMode === 'navigate' && fetchDestination === 'document' && !isUpgrade;

/** Without the port, in small letters; an IPv6 address without its brackets. */
function nameOf(host: string): string {
  const [, six, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  return (six ?? name ?? '').toLowerCase().replace(/\.$/, '');
}

const isOwnName = (name: string, { hostNames }: SiteRules): boolean =>
  isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || hostNames.has(name);

/** The scheme may be another where a proxy ends TLS. */
function isOwnOrigin(origin: string, host: string | undefined, { isTls }: SiteRules): boolean {
  const url = URL.parse(origin);
  if (url === null || host === undefined || url.host !== host.toLowerCase()) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && !isTls);
}
