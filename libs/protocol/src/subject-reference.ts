// Owns the text of infra/docs/subjects.md: the subject table for people who read. Pure: the table in, Markdown out.
// `npm run docs` writes it; a test fails when the file is not what the table says.
import { ERROR_CODES } from './errors.ts';
import { LEAST_INTERFACE } from './least-interface.ts';
import { fieldsOf, renderShapes } from './shape-reference.ts';
import type { Delivery, SubjectEntry } from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';

const DELIVERIES: Readonly<Record<Delivery, string>> = {
  request: 'request',
  publish: 'publish',
  stream: 'JetStream',
};

const INTRODUCTION = `# Subjects

<!-- Generated from libs/protocol/src/subjects.ts by \`npm run docs\`: change the table, not this page. -->

Every subject begins with \`parley.<cluster>.\`. A part in braces is one token of 1 to 64 characters out of \`A-Z a-z 0-9 _ -\`. The kinds
of actors, what each may send and read, and the permissions on the server all follow from this table.

A *request* is answered into the caller's own inbox, \`_INBOX.<kind of actor>.<id>.…\`, and repeated with the same id until it is; \`publish\`
is core NATS, at most once, unanswered; *JetStream* is kept in a stream and acknowledged to the writer.

Each message is a MessagePack map \`{ version, kind, target, epoch?, request?, frameworkSession?, body }\`: \`kind\` is the first column,
\`target\` the subject that it was meant for, \`epoch\` the sender's term in all messages of masters and allocators, \`request\` the id of a
request. An answer is \`{ version, kind: "answer", epoch?, answer }\`, where \`answer\` is \`{ ok: true, value }\` or
\`{ ok: false, failure: { code, message, retryAfterMs? } }\`.

Strings are UTF-8. What is none is read as U+FFFD; but a message by which programs are started is refused then, with \`malformed\`: no
program is run with other words than were meant.

The last column says what a framework needs: five messages make a working one, all others are optional
([Writing a framework](writing-a-framework.md)). A \`?\` behind a field means that it may be left out.
`;

/** The whole page. */
export function renderSubjectReference(): string {
  const entries: readonly SubjectEntry[] = Object.values(SUBJECTS);
  const overview = table(
    ['kind', 'subject', 'from → to', 'delivery', 'frameworks'],
    entries.map((entry) => [
      `[\`${entry.kind}\`](#${anchorOf(entry.kind)})`,
      `\`${entry.pattern}\``,
      whoToWhom(entry),
      DELIVERIES[entry.delivery],
      needOf(entry),
    ]),
  );
  const codes = table(
    ['code', 'worth repeating', 'meaning'],
    Object.entries(ERROR_CODES).map(([code, { retryable, meaning }]) => [
      `\`${code}\``,
      retryable ? 'yes' : 'no',
      meaning,
    ]),
  );
  return [
    INTRODUCTION,
    '## Overview\n',
    overview,
    '\n## Messages\n',
    entries.map(renderEntry).join('\n'),
    '## Shapes\n',
    renderShapes(),
    '## Error codes\n',
    `${codes}\n`,
  ].join('\n');
}

function renderEntry(entry: SubjectEntry): string {
  const { kind, pattern, summary, body, reply, holdsCommands } = entry;
  const lines = [
    `### ${kind}\n`,
    `\`${pattern}\`: ${whoToWhom(entry)}, ${DELIVERIES[entry.delivery]}. ${summary}\n`,
    `- body: ${fieldsOf(body)}`,
  ];
  if (holdsCommands) lines.push('- refused when a string in it is no UTF-8');
  if (reply !== undefined) lines.push(`- answer: ${fieldsOf(reply)}`);
  return `${lines.join('\n')}\n`;
}

const whoToWhom = ({ from, to }: SubjectEntry): string => `${from.join(', ')} → ${to.join(', ')}`;

/** Whether a framework can do without it; nothing for what is none of its business. */
function needOf({ kind, from, to }: SubjectEntry): string {
  if (!from.includes('principal') && !to.includes('principal')) return '';
  return LEAST_INTERFACE.some((one) => one.kind === kind) ? '**needed**' : 'optional';
}

/** As GitHub makes anchors from headings. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll('.', '');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
