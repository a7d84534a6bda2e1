// Owns the text of infra/docs/task-states.md: states of tasks and how they follow on one another, reasons, and the states
// of offers, agents and frameworks. Pure: the machines and the tables in, Markdown out. `npm run docs` writes the page.
import { isTerminal, TaskState } from '@parley/protocol/tasks';
import { AGENT_EVENTS, agentMachine } from './agent-machine.ts';
import { FRAMEWORK_EVENTS, frameworkMachine } from './framework-machine.ts';
import { MAINTENANCE_EVENTS, maintenanceMachine } from './maintenance-machine.ts';
import { OFFER_EVENTS, offerMachine } from './offer-machine.ts';
import { type CauseMeaning, TASK_CAUSES } from './task-causes.ts';
import { TASK_SOURCES } from './task-machine.ts';
import { type ReasonMeaning, TASK_REASONS } from './task-reasons.ts';
import { TASK_SOURCE_MEANINGS, TASK_STATES } from './task-states.ts';
import {
  nextAgentState,
  nextFrameworkState,
  nextMaintenanceState,
  nextOfferState,
  nextTaskState,
} from './transitions.ts';

const INTRODUCTION = `# States and reasons

<!-- Generated from libs/lifecycle/src by \`npm run docs\`: change the machines and tables, not this page. -->

The order of a task's states is the order of its status updates in the principal's stream, the leader's own included; after the first terminal
one the rest means nothing. Only what the machines in \`libs/lifecycle\` allow happens; anything else is reported as a protocol violation.
`;

/** The whole page. */
export function renderStateReference(): string {
  return [
    INTRODUCTION,
    '## States of a task\n',
    table(
      ['state', 'terminal', 'meaning', 'in Mesos'],
      [...TASK_STATES].map(([state, { isState, isTerminal: isEnd, meaning, mesos, isLost }]) => [
        `\`${state}\``,
        isState ? yesOrNo(isEnd) : 'an answer only',
        meaning,
        `${mesos}${isLost ? ', or TASK_LOST' : ''}`,
      ]),
    ),
    '\n### Who says so\n',
    table(
      ['source', 'meaning'],
      Object.entries(TASK_SOURCE_MEANINGS).map(([source, meaning]) => [code(source), meaning]),
    ),
    '\n### What follows on what\n',
    'A row is the state of a task; a cell the states that an update of its agent, or of the leader, leads to.\n',
    table(
      [
        'state',
        ...TASK_SOURCES.map((source) => (source === 'master' ? 'the leader' : `its ${source}`)),
      ],
      TaskState.options
        .filter((state) => !isTerminal(state))
        .map((state) => [
          `\`${state}\``,
          ...TASK_SOURCES.map((source) => list(followers(state, source))),
        ]),
    ),
    '\n## Reasons\n',
    table(
      ['reason', 'said by', 'with', 'meaning', 'in Mesos'],
      Object.entries<ReasonMeaning>(TASK_REASONS).map(([reason, { states, meaning, mesos }]) => [
        `\`${reason}\``,
        Object.keys(states).join(', '),
        list([...new Set(Object.values(states).flat())]),
        meaning,
        code(mesos),
      ]),
    ),
    '\n## Causes\n',
    'Beside the reason of an end, an update may have a `cause`: the limit that was met, or why the command could not be started. See [limits](limits.md).\n',
    table(
      ['cause', 'with the reason', 'meaning', '`limit` and `peak` in', 'what helps'],
      Object.entries<CauseMeaning>(TASK_CAUSES).map(([kind, cause]) => [
        ...[`\`${kind}\``, list(cause.with), cause.meaning, cause.unit ?? '', cause.remedy],
      ]),
    ),
    '\n## Offers, agents, frameworks, maintenance\n',
    ...machineTables(),
  ].join('\n');
}

function machineTables(): string[] {
  return [
    machineTable('offer', Object.keys(offerMachine.states), OFFER_EVENTS, nextOfferState),
    '',
    machineTable('agent', Object.keys(agentMachine.states), AGENT_EVENTS, nextAgentState),
    '',
    machineTable(
      'framework',
      Object.keys(frameworkMachine.states),
      FRAMEWORK_EVENTS,
      nextFrameworkState,
    ),
    '',
    machineTable(
      'maintenance window',
      Object.keys(maintenanceMachine.states),
      MAINTENANCE_EVENTS,
      nextMaintenanceState,
    ),
    '',
  ];
}

function followers(state: TaskState, source: (typeof TASK_SOURCES)[number]): TaskState[] {
  const next = TaskState.options.map((named) => nextTaskState(state, `${source}.${named}`));
  return [...new Set(next.filter((one) => one !== undefined && one !== state))].filter(
    (one) => one !== undefined,
  );
}

function machineTable<State extends string, Event extends string>(
  name: string,
  states: readonly string[],
  events: readonly Event[],
  next: (state: State, event: Event) => State | undefined,
): string {
  return table(
    [name, ...events.map((event) => `on ${event}`)],
    states.map((state) => [
      `\`${state}\``,
      ...events.map((event) => code(next(state as State, event))),
    ]),
  );
}

const yesOrNo = (is: boolean): string => (is ? 'yes' : 'no');
const code = (text: string | undefined): string => (text === undefined ? '' : `\`${text}\``);
const list = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
