// Owns `parley framework inspect`: all that the cluster knows of one framework, its report card included.
import type { FrameworkRef } from '@parley/protocol/ids';
import type { Surroundings } from '../config.ts';
import { describeFramework } from '../framework-page.ts';
import { reportFramework, unknownFramework } from '../framework-report.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printPage } from '../print.ts';
import { currentContext } from './context.ts';

export async function frameworkInspectCommand(
  surroundings: Surroundings,
  named: string | undefined,
  framework: FrameworkRef,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { state } = await withOperator(context, (link) => link.load());
  const report = reportFramework(state, framework);
  if (report === undefined) throw unknownFramework(state, framework);
  if (json) printJson(report);
  else printPage(describeFramework(report));
}
