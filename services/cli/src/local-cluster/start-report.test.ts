import { FrameworkRef } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { commandsToTry, commonestWords, metricLines, wordLines } from './start-report.ts';

describe('commonestWords', () => {
  it('takes the twenty highest counts, equal ones by word', () => {
    const table = Array.from({ length: 30 }, (_, index) => `w${index}\t${Math.floor(index / 2)}\n`);
    const words = commonestWords(table.join(''));
    expect(words).toHaveLength(20);
    expect(words.slice(0, 3)).toEqual([
      { word: 'w28', count: 14 },
      { word: 'w29', count: 14 },
      { word: 'w26', count: 13 },
    ]);
  });

  it('says so when there are none', () => {
    expect(wordLines(commonestWords(''))).toEqual(['no words in the input']);
  });
});

describe('metricLines', () => {
  it('says for each metric what is known', () => {
    const framework = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-1' });
    const job = { framework, name: 'batch', roles: ['batch'], submittedAtMs: 0, endedTasks: 3 };
    const lines = metricLines({
      jobs: [
        { ...job, rampUpMs: 1234, completionMs: 40_000 },
        { ...job, rampUpMs: undefined, completionMs: undefined },
      ],
      utilisation: [{ resource: 'cpus', allocated: 0.905, used: undefined, course: [0, 1] }],
      slots: { slots: 15, peak: 14, mean: 11.25, waitedMs: 10 },
    });
    expect(lines).toEqual([
      'batch      ramp-up 1.2 s, job completion 40.0 s (3 tasks)',
      'batch      ramp-up not reached, job completion goes on (3 tasks)',
      'cpus       allocated 91 %, used not measured ▁█',
      'slots      15; in use while tasks waited: peak 14, mean 11.3',
    ]);
  });
});

describe('commandsToTry', () => {
  it('names the context only where it is needed', () => {
    expect(commandsToTry('local')[0]).toBe('npx parley status');
    expect(commandsToTry('local-2')[0]).toBe('npx parley --context local-2 status');
    expect(commandsToTry('local')).toHaveLength(4);
  });
});
