// Owns where in the console one is: a page with the names in its path, and what its query asks for. All of it stands in
// the address, so a copied link shows the same. Pure; what moves the browser is navigation.ts.

export const PAGES = {
  overview: '',
  frameworks: 'frameworks',
  framework: 'frameworks/:principal/:frameworkId',
  roles: 'roles',
  agents: 'agents',
  agent: 'agents/:agentId',
  offers: 'offers',
  tasks: 'tasks',
  task: 'tasks/:principal/:frameworkId/:taskId',
  events: 'events',
  system: 'system',
  compare: 'compare',
} as const;
export type PageName = keyof typeof PAGES;

export type Place = {
  /** Undefined: no page has that path. */
  readonly page: PageName | undefined;
  readonly names: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
};

const BASE = '/ui/';

/** `address`: path and query, such as `/ui/agents/a1?at=12`. */
export function readPlace(address: string): Place {
  const { pathname, searchParams } = new URL(address, 'http://console');
  const query = Object.fromEntries(searchParams);
  const rest = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : pathname.slice(1);
  const parts = rest.split('/').filter(Boolean);
  for (const [page, pattern] of Object.entries(PAGES)) {
    const names = namesIn(parts, pattern.split('/').filter(Boolean));
    // The keys of the table are the names of pages.
    if (names !== undefined) return { page: page as PageName, names, query };
  }
  return { page: undefined, names: {}, query };
}

function namesIn(
  parts: readonly string[],
  pattern: readonly string[],
): Record<string, string> | undefined {
  if (parts.length !== pattern.length) return undefined;
  const names: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (wanted.startsWith(':')) names[wanted.slice(1)] = decoded(part);
    else if (wanted !== part) return undefined;
  }
  return names;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export type Names = Readonly<Record<string, string>>;
export type Asked = Readonly<Record<string, string | undefined>>;

/** What is undefined or empty is left out of the query. */
export function addressOf(page: PageName, names: Names = {}, query: Asked = {}): string {
  const path = PAGES[page]
    .split('/')
    .map((part) => (part.startsWith(':') ? encodeURIComponent(names[part.slice(1)] ?? '') : part))
    .join('/');
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(asked as [string, string][]).toString();
  return `${path === '' ? '/' : BASE + path}${search === '' ? '' : `?${search}`}`;
}
