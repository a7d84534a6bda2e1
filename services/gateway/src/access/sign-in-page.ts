// Owns how the pages of signing in look: HTML that works without script, and a style of its own.
import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 1rem; }
main { width: min(22rem, 100%); }
h1 { font-size: 1.4rem; }
label { display: block; margin: 1rem 0 0.25rem; }
input { font: inherit; width: 100%; padding: 0.5rem; box-sizing: border-box; }
button { font: inherit; margin-top: 1.25rem; padding: 0.5rem 1rem; cursor: pointer; }
[role=alert] { border-left: 4px solid #c33; padding-left: 0.75rem; }
`;

const hash = createHash('sha256').update(STYLE).digest('base64');

export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

export type SignInPage =
  | { readonly kind: 'form'; readonly next: string; readonly problem?: string }
  | { readonly kind: 'link'; readonly problem?: string }
  | { readonly kind: 'open' }
  | { readonly kind: 'in'; readonly name: string; readonly csrfToken: string }
  | { readonly kind: 'onward' };

export function renderPage(page: SignInPage): string {
  const refresh = page.kind === 'onward' ? '<meta http-equiv="refresh" content="0;url=/">' : '';
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<title>Sign in - Parley</title><style>${STYLE}</style></head>
<body><main>
${bodyOf(page)}
</main></body>
</html>
`;
}

function bodyOf(page: SignInPage): string {
  switch (page.kind) {
    case 'form':
      return `<h1>Sign in to Parley</h1>${alertOf(page.problem)}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escaped(page.next)}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>`;
    case 'link':
      return `<h1>Sign in to Parley</h1>${alertOf(page.problem)}
<p>This cluster is opened with a link that works once. Whoever started it finds a new one in the file that its gateway was
given with <code>--sign-in-file</code>.</p>`;
    case 'open':
      return `<h1>Nobody has to sign in here</h1><p><a href="/">To the cluster</a></p>`;
    case 'in':
      return `<h1>Signed in</h1><p>You are ${escaped(page.name)}. <a href="/">To the cluster</a></p>
<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${escaped(page.csrfToken)}"><button>Sign out</button></form>`;
    case 'onward':
      return `<h1>Signed in</h1><p><a href="/">To the cluster</a></p>`;
  }
}

const alertOf = (problem: string | undefined): string =>
  problem === undefined ? '' : `<p role="alert">${escaped(problem)}</p>`;

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
