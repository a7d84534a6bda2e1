// Tests what `npm run sim` makes of its arguments.
import { describe, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { SCENARIOS } from './scenarios/all.ts';

const configOf = (line: string) => {
  const config = readConfig(line.split(' ').filter((word) => word !== ''));
  return config.ok ? config.value : config.failure.message;
};

describe('the arguments of the simulator', () => {
  test('left out ask for the first twenty seeds of random runs', () => {
    expect(configOf('')).toEqual({
      kind: 'run',
      seeds: Array.from({ length: 20 }, (_, index) => index + 1),
      isSingle: false,
      scenario: undefined,
      untilFailed: false,
    });
  });

  test('ask for one run by its seed, or for some in a row', () => {
    expect(configOf('--seed 7')).toMatchObject({ seeds: [7], isSingle: true });
    const some = configOf('--from 5 --seeds 2 --until-failed');
    expect(some).toMatchObject({ seeds: [5, 6], isSingle: false, untilFailed: true });
  });

  test('name a scenario, or ask which there are', () => {
    const [scenario] = SCENARIOS;
    expect(configOf(`--scenario ${scenario?.name}`)).toMatchObject({ kind: 'run', scenario });
    expect(configOf('--scenario list')).toEqual({ kind: 'listScenarios' });
  });

  test.each(['--help', '-h', '--seed 7 --help'])('%s asks for help', (line) => {
    expect(configOf(line)).toEqual({ kind: 'help' });
  });

  test.each([
    ['--seed x', '--seed x: must be a whole number from 0 to'],
    ['--seed 4294967296', '--seed 4294967296: must be'],
    ['--from 1.5', '--from 1.5: must be'],
    ['--seeds 0', '--seeds 0: must be a whole number from 1 to'],
    ['--scenario S99', '--scenario S99: there is none of this name, only S1, '],
    ['--sed 7', "Unknown option '--sed'"],
    ['--seed -5', "Option '--seed' argument is ambiguous. Did you"],
    ['S8', "Unexpected argument 'S8'"],
  ])('%s is refused in one line that says why and what helps', (line, why) => {
    const message = configOf(line);
    expect(message).toContain(why);
    expect(message).toMatch(/^[^\n]*; npm run sim -- --help shows what there is$/);
  });
});
