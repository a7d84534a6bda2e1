// Owns what the reports of frameworks showed since a term began: roles that were others in the books, calls that were
// acknowledged and are lost, calls that waited for their answer. The comparing itself is libs/cluster (framework-report.ts).
import type { FrameworkComparison, ReportedFramework } from '@parley/cluster/framework-report';
import { MAX_FRAMEWORKS } from '@parley/cluster/limits';
import { frameworkKey } from '@parley/protocol/ids';
import type { TakeoverCensus } from '@parley/protocol/leadership';

/** News for the log. */
export type CensusLine = {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Record<string, unknown>;
};

/** A framework that does not get its roles, since it may not have them any more, is not asked for ever. */
const MAX_ASKED = 3;
const MAX_LINES = 100;

/** Of one process of a framework. */
type Reporter = { lostUpTo: number; asked: number };

export class FrameworkCensus {
  readonly #reporters = new Map<string, Reporter>();
  #lines: CensusLine[] = [];
  #differingRoles = 0;
  #lostCalls = 0;
  #openCalls = 0;
  #answeredCalls = 0;

  get now(): Pick<
    Required<TakeoverCensus>,
    'differingRoles' | 'lostCalls' | 'openCalls' | 'answeredCalls'
  > {
    return {
      differingRoles: this.#differingRoles,
      lostCalls: this.#lostCalls,
      openCalls: this.#openCalls,
      answeredCalls: this.#answeredCalls,
    };
  }

  /** True when the framework is to name its roles again. Reports come again and again: each difference counts once. */
  compared({ framework, report }: ReportedFramework, compared: FrameworkComparison): boolean {
    const key = `${frameworkKey(framework)} ${report.callerSession}`;
    const known = this.#reporters.get(key);
    if (known === undefined && this.#reporters.size >= 2 * MAX_FRAMEWORKS) return false;
    const reporter = known ?? { lostUpTo: 0, asked: 0 };
    this.#reporters.set(key, reporter);
    if (known === undefined) {
      this.#openCalls += compared.openCalls;
      this.#answeredCalls += compared.answeredCalls;
    }
    this.#lost(frameworkKey(framework), reporter, compared.lostCalls);
    // It is about to name them: neither a difference nor the end of one.
    if (report.roles === undefined) return false;
    return this.#hasOtherRoles(frameworkKey(framework), reporter, compared.rolesDiffer);
  }

  takeLines(): CensusLine[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  #lost(framework: string, reporter: Reporter, all: readonly number[]): void {
    const calls = all.filter((counter) => counter > reporter.lostUpTo);
    if (calls.length === 0) return;
    reporter.lostUpTo = Math.max(...calls);
    this.#lostCalls += calls.length;
    this.#tell({
      level: 'error',
      message:
        'ALARM: calls that a framework holds for done are not in the books: acknowledged work is lost. It learns of tasks when it asks what became of them; what else it had asked for it has to ask for again',
      fields: { framework, lost: calls.length, calls },
    });
  }

  #hasOtherRoles(framework: string, reporter: Reporter, rolesDiffer: boolean): boolean {
    if (!rolesDiffer) {
      reporter.asked = 0;
      return false;
    }
    if (reporter.asked === 0) {
      this.#differingRoles += 1;
      this.#tell({
        level: 'warn',
        message:
          'the roles of a framework are others in the books than it was told: it is asked to name them again',
        fields: { framework },
      });
    }
    reporter.asked += 1;
    return reporter.asked <= MAX_ASKED;
  }

  #tell(line: CensusLine): void {
    if (this.#lines.length < MAX_LINES) this.#lines.push(line);
  }
}
