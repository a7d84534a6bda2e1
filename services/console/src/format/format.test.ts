import { describe, expect, test } from 'vitest';
import { byUse, counted, showAmount, showAmounts, showBytes, showPercent } from './amounts.ts';
import { showAgo, showDuration } from './times.ts';

describe('amounts', () => {
  test.each([
    ['cpus', 1500, '1.5'],
    ['cpus', 12, '0.01'],
    ['mem', 64_000, '64 MiB'],
    ['mem', 1_536_000, '1.5 GiB'],
    ['disk', 5 * 1024 * 1024 * 1000, '5 TiB'],
    ['network_bandwidth', 100_000, '100 Mbit/s'],
  ])('%s %d reads %s', (name, amount, words) => {
    expect(showAmount(name, amount)).toBe(words);
  });

  test('several read with the usual ones first', () => {
    expect(showAmounts({ zeal: 1000, mem: 1000, cpus: 500 })).toBe('cpus 0.5 · mem 1 MiB · zeal 1');
    expect(showAmounts({})).toBe('nothing');
    expect(['b', 'disk', 'a', 'cpus'].sort(byUse)).toStrictEqual(['cpus', 'disk', 'a', 'b']);
  });

  test('a part of nothing is no percentage', () => {
    expect(showPercent(0, 0)).toBe('–');
    expect(showPercent(1, 3)).toBe('33 %');
  });

  test('one is told as one, any other number as several', () => {
    expect([0, 1, 2000].map((count) => counted(count, 'task'))).toStrictEqual([
      '0 tasks',
      '1 task',
      '2,000 tasks',
    ]);
    expect(counted(1, 'entry', 'entries')).toBe('1 entry');
    expect(counted(2, 'lacks cpus', 'lack cpus')).toBe('2 lack cpus');
  });

  test('bytes read in the unit of their size', () => {
    expect([0, 1023, 1536, 3 * 1024 ** 3].map(showBytes)).toStrictEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '3 GiB',
    ]);
  });
});

describe('times', () => {
  test.each([
    [400, '0.4 s'],
    [12_000, '12 s'],
    [185_000, '3 min 5 s'],
    [7_200_000, '2 h'],
    [90_061_000, '1 d 1 h'],
    [-5, '0 s'],
  ])('%d ms read %s', (ms, words) => {
    expect(showDuration(ms)).toBe(words);
  });

  test('a moment reads by how long ago it was', () => {
    expect(showAgo(1000, 13_400)).toBe('12 s ago');
    expect(showAgo(1000, 1400)).toBe('now');
    expect(showAgo(13_000, 1000)).toBe('in 12 s');
  });
});
