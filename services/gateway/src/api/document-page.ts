// Owns the page at /docs: the OpenAPI document for people, as plain HTML without scripts, out of nothing but this gateway.

type Schema = {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
};
type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
};
type Content = {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
};
type Operation = {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses?: Readonly<Record<string, Content>>;
};
/** What of OpenAPI 3.1 the page shows. */
export type ApiDocument = {
  readonly info: { readonly title: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

export const PAGE_STYLE = `:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8886; padding: 0.5rem 0; }
h2 { font: 600 1rem ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.5rem; background: #8882; }
td { padding: 0 1rem 0 0; vertical-align: top; }
`;

export function documentPage({ info, paths }: ApiDocument): string {
  const sections = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => sectionOf(method, path, operation)),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${safe(info.title)}: the HTTP API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<h1>${safe(info.title)}: the HTTP API</h1>
<p>${safe(info.description ?? '')} For tools: <a href="/openapi.json">/openapi.json</a>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function sectionOf(method: string, path: string, operation: Operation): string {
  const { summary = '', parameters = [], requestBody, responses = {} } = operation;
  const rows = parameters.map(
    ({ name, in: place, required, description, schema = {} }) =>
      `<tr><td><code>${safe(name)}</code></td><td>${safe(place)}${required === true ? ', required' : ''}</td>` +
      `<td><code>${safe(shapeOf(schema))}</code></td><td>${safe(description ?? schema.description ?? '')}</td></tr>`,
  );
  const parts = [
    `<h2>${safe(method.toUpperCase())} ${safe(path)}</h2>`,
    `<p>${safe(summary)}</p>`,
    ...(rows.length === 0 ? [] : [`<table>${rows.join('')}</table>`]),
    ...contentOf('takes', requestBody),
    ...Object.entries(responses).flatMap(([status, content]) =>
      contentOf(`answers ${status}`, content),
    ),
  ];
  return `<section>\n${parts.join('\n')}\n</section>`;
}

const contentOf = (what: string, { content = {} }: Content = {}): string[] =>
  Object.entries(content).map(
    ([type, { schema = {} }]) =>
      `<p>${safe(what)}, <code>${safe(type)}</code></p>\n<pre>${safe(shapeOf(schema))}</pre>`,
  );

/** As TypeScript would write it. */
function shapeOf(schema: Schema, indent = ''): string {
  const { anyOf = schema.oneOf, items, properties, additionalProperties, type } = schema;
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map((one) => shapeOf(one, indent)).join(' | ');
  if (items !== undefined) return `${shapeOf(items, indent)}[]`;
  if (properties !== undefined) return objectOf(schema, indent);
  if (typeof additionalProperties === 'object')
    return `{ [name]: ${shapeOf(additionalProperties, indent)} }`;
  return type === undefined ? 'anything' : [type].flat().join(' | ');
}

function objectOf({ properties = {}, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, schema]) => {
    const note = schema.description === undefined ? '' : `  // ${schema.description}`;
    return `${inner}${name}${required.includes(name) ? '' : '?'}: ${shapeOf(schema, inner)}${note}`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const safe = (text: string): string => text.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
