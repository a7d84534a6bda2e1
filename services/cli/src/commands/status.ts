// Owns `parley status`: one picture of the cluster from snapshot and journal, its metrics included.
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printPage } from '../print.ts';
import { readMetrics } from '../status-metrics.ts';
import { describeStatus } from '../status-page.ts';
import { summarise } from '../summarise.ts';
import { currentContext } from './context.ts';

export async function statusCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { summary, metrics } = await withOperator(context, async (link) => {
    const history = await link.loadWithHistory();
    return { summary: summarise(history), metrics: readMetrics(history) };
  });
  if (json) printJson({ ...summary, metrics });
  else printPage(describeStatus(summary, metrics));
}
