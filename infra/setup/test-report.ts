// Reads what a stage achieved out of vitest's JSON report and puts a run's lines into words. Pure: text in, text out.
// A report that is missing or says less than the exit code never counts as a success.

export type StageResult = {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly elapsedMs: number;
};

type Outcome = Pick<StageResult, 'passed' | 'failed' | 'skipped'>;

type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

/** A check passes or fails as a whole and counts as one. */
export function outcomeOfCheck(exitCode: number): Outcome {
  return exitCode === 0
    ? { passed: 1, failed: 0, skipped: [] }
    : { passed: 0, failed: 1, skipped: [] };
}

/**
 * @param reportText the JSON report; undefined when vitest wrote none
 * @param exitCode of vitest: a file that does not load or an unhandled rejection fails the run without failing a
 *   test, and then counts as one failure
 */
export function outcomeOfVitest(reportText: string | undefined, exitCode: number): Outcome {
  const report = reportText === undefined ? undefined : parseReport(reportText);
  if (report === undefined) return { passed: 0, failed: 1, skipped: [] };
  const failed = report.numFailedTests;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.testResults
      .flatMap((file) => file.assertionResults)
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => test.fullName),
  };
}

function parseReport(text: string): VitestReport | undefined {
  try {
    const value: VitestReport = JSON.parse(text);
    return typeof value.numPassedTests === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** One line for a stage, with its time; skipped tests are named, for nobody should have to look for them. */
export function stageLines(result: StageResult): readonly string[] {
  const seconds = `${(result.elapsedMs / 1000).toFixed(1)} s`;
  const verdict = result.failed === 0 ? 'ok    ' : 'FAILED';
  const counts =
    result.failed === 0 ? `${result.passed}` : `${result.passed}, ${result.failed} failed`;
  const line = `${verdict} ${result.name.padEnd(32)} ${seconds.padStart(8)}   ${counts}`;
  return [line, ...result.skipped.map((name) => `       not run here: ${name}`)];
}

/** The closing line of a run: `N passed, N failed`. */
export function closingLine(results: readonly StageResult[]): string {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  return `${passed} passed, ${failed} failed`;
}
