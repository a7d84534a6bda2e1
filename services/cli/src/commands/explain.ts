// Owns `parley explain`: asks the leading allocator, adds what only the books know (agents that may not be offered, tasks
// that are launched), and prints it. How it reads is explanation-page.ts's.

import type { Followed, OperatorLink } from '@parley/operator-sdk/operator-link';
import type { ExplainRequest } from '@parley/protocol/explanations';
import type { FrameworkRef, RoleName, TaskRef } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { describeFrameworkWait, describeRoleStanding, describeTask } from '../explanation-page.ts';
import { isInBooks, unknownFramework } from '../framework-report.ts';
import { type Explained, leftOutAgents } from '../left-out-agents.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printPage } from '../print.ts';
import { findTask } from '../task-table.ts';
import { currentContext } from './context.ts';

export async function explainFrameworkCommand(
  surroundings: Surroundings,
  named: string | undefined,
  framework: FrameworkRef,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const explained = await withOperator(context, async (link) =>
    ask(link, await known(link, framework), { of: 'framework', framework }),
  );
  print(explained, json, describeFrameworkWait);
}

export async function explainRoleCommand(
  surroundings: Surroundings,
  named: string | undefined,
  role: RoleName,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const explained = await withOperator(context, async (link) =>
    ask(link, await link.load(), { of: 'role', role }),
  );
  if (explained.role === undefined && explained.clients.length === 0) {
    throw new CommandFailure(EXIT.notFound, {
      what: `nothing is known of the role ${role}`,
      why: 'no framework subscribes in it, and nothing in it is used',
      remedy: 'see the roles of frameworks in "parley framework list"',
    });
  }
  print(explained, json, describeRoleStanding);
}

export async function explainTaskCommand(
  surroundings: Surroundings,
  named: string | undefined,
  ref: TaskRef,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { principal, frameworkId } = ref;
  const framework = { principal, frameworkId };
  const explained = await withOperator(context, async (link) => {
    const followed = await link.load();
    const task = findTask(followed.state, ref);
    // One that is launched waits for no offer.
    if (task !== undefined) return { task, explanation: undefined };
    await known(link, framework);
    return { task, explanation: await ask(link, followed, { of: 'framework', framework }) };
  });
  print(explained, json, (one) => describeTask(ref, one));
}

/** The state, in which there is the framework. */
async function known(link: OperatorLink, framework: FrameworkRef): Promise<Followed> {
  const followed = await link.load();
  if (!isInBooks(followed.state, framework)) throw unknownFramework(followed.state, framework);
  return followed;
}

async function ask(
  link: OperatorLink,
  { state }: Followed,
  request: ExplainRequest,
): Promise<Explained> {
  const answer = await link.call(SUBJECTS.explain, {}, request);
  if (answer.ok) return { ...answer.value, ...leftOutAgents(state) };
  throw failureFromCluster('the allocator did not say why', answer.failure);
}

function print<Value>(value: Value, json: boolean, describe: (value: Value) => string): void {
  if (json) printJson(value);
  else printPage(describe(value));
}
