// Owns that tests of how scopes are asked for are run with each way that whoever runs them has: a user's systemd is asked by
// `systemd-run` alone, and there the tests of the other way are told as not run, by their names. It tests nothing itself.
import { describe } from 'vitest';

export const isRoot = process.getuid?.() === 0;
/** As an agent and its library call the way that asks the system's systemd itself. */
const ROOTS_WAYS: readonly string[] = ['direct', 'scope'];

/** As `describe.each`; `%s` in the title is the launcher. */
export function eachLauncher<const Launcher extends string>(launchers: readonly Launcher[]) {
  return (title: string, tests: (launcher: Launcher) => void): void => {
    for (const launcher of launchers) {
      const isHad = isRoot || !ROOTS_WAYS.includes(launcher);
      describe.runIf(isHad)(title.replace('%s', launcher), () => tests(launcher));
    }
  };
}
