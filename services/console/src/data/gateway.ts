// Owns asking the gateway: JSON there and back, the way to signing in, and what a change takes besides.
import { signal } from '@preact/signals';

export type Session = {
  readonly name: string;
  readonly permissions: readonly string[];
  /** Null: nobody has to sign in. */
  readonly csrfToken: string | null;
};

/** Undefined until the gateway has said who we are. */
export const session = signal<Session | undefined>(undefined);

export const mayOperate = (): boolean => session.value?.permissions.includes('operate') ?? false;

/** What it answered instead of what was asked for. */
export class GatewayProblem extends Error {
  override readonly name = 'GatewayProblem';
  /** 0: there was no answer. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Throws a `GatewayProblem`. */
export async function ask<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  const answer = await askRaw(path, init);
  return await answer.json();
}

/** Likewise; the answer is read by who asked. */
export async function askRaw(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, init).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new GatewayProblem('the gateway does not answer', 0);
  });
  if (answer.ok) return answer;
  if (answer.status === 401) signIn();
  throw new GatewayProblem(await problemOf(answer), answer.status);
}

/** Throws a `GatewayProblem`; what is answered has the equal command line. */
export function change(
  method: 'POST' | 'PUT',
  path: string,
  body?: object,
): Promise<{ readonly command: string }> {
  const token = session.value?.csrfToken ?? undefined;
  return ask(path, {
    method,
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(token !== undefined && { 'X-Parley-Csrf': token }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

export async function learnSession(): Promise<void> {
  session.value = await ask<Session>('/v1/session');
}

let isLeaving = false;

/** Once for all that is refused at that time: leaving again would break off the first. */
function signIn(): void {
  if (isLeaving) return;
  isLeaving = true;
  // The browser may bring the page back as it was.
  addEventListener('pageshow', () => {
    isLeaving = false;
  });
  const next = location.pathname + location.search;
  location.assign(`/sign-in?${new URLSearchParams({ next })}`);
}

async function problemOf(answer: Response): Promise<string> {
  try {
    const { error } = await answer.json();
    if (typeof error === 'string') return error;
  } catch {
    // Something between here and the gateway answered.
  }
  return `the gateway answers ${answer.status}`;
}
