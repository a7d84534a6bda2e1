import { describe, expect, it } from 'vitest';
import { frameworkArgument } from './arguments.ts';
import {
  labelsArgument,
  leastOfferArgument,
  nameOf,
  placementOrCluster,
  quantitiesArgument,
  quotaArgument,
  roleArgument,
  weightArgument,
  whomOf,
  withoutWords,
} from './sharing-arguments.ts';

describe('arguments about sharing', () => {
  it('take amounts by resource, memory and disk with their units', () => {
    expect(quantitiesArgument('cpus=4,mem=8GiB')).toEqual({ cpus: 4000, mem: 8 * 1024 * 1000 });
    expect(quantitiesArgument('cpus = 0.25, disk=500, network_bandwidth=100')).toEqual({
      cpus: 250,
      disk: 500_000,
      network_bandwidth: 100_000,
    });
    expect(quantitiesArgument('gpus=0')).toEqual({ gpus: 0 });
  });

  it.each([
    ['', 'is not NAME=AMOUNT'],
    ['cpus', 'is not NAME=AMOUNT'],
    ['cpus=', '"" is no amount'],
    ['cpus=4,', 'is not NAME=AMOUNT'],
    ['cpus=many', '"many" is no amount'],
    ['cpus=-1', '"-1" is no amount'],
    ['cpus=1.2345', 'at most three decimals'],
    ['cpus=8GiB', '"8GiB" is no amount'],
    ['mem=8XB', 'is no amount of memory'],
    ['cpus=9999999999999', 'too large'],
    ['CPUs=1', '"CPUs=1" is not NAME=AMOUNT'],
    ['mem=1B', 'less than the least amount of memory'],
    ['__proto__=1', 'is not NAME=AMOUNT'],
    ['cpus=1,cpus=2', 'cpus is given twice'],
  ])('refuse amounts that are none, and say why: "%s"', (text, why) => {
    expect(() => quantitiesArgument(text)).toThrow(why);
    expect(() => quantitiesArgument(text)).toThrow('such as cpus=4,mem=8GiB');
  });

  it('take a word for no quota, and one for what the cluster does', () => {
    expect(quotaArgument('none')).toBe('none');
    expect(quotaArgument('cpus=1')).toEqual({ cpus: 1000 });
    expect(leastOfferArgument('cluster')).toBe('cluster');
    expect([withoutWords('none'), withoutWords('cluster'), withoutWords(undefined)]).toEqual([
      null,
      null,
      undefined,
    ]);
    expect([placementOrCluster('bestFit'), placementOrCluster('cluster')]).toEqual([
      'bestFit',
      'cluster',
    ]);
    expect(() => placementOrCluster('fullest')).toThrow(
      'must be one of random, bestFit, spread, cluster',
    );
  });

  it('take weights above nothing', () => {
    expect([weightArgument('2'), weightArgument('0.5'), weightArgument('0.001')]).toEqual([
      2000, 500, 1,
    ]);
    for (const wrong of ['0', '-1', 'heavy', '', '0.0001', '1000001']) {
      expect(() => weightArgument(wrong), wrong).toThrow('a weight must be');
    }
  });

  it('take labels as pairs', () => {
    expect(labelsArgument('team=search,tier=gold')).toEqual({ team: 'search', tier: 'gold' });
    for (const wrong of ['team', 'a=b=c', '=b', '']) {
      expect(() => labelsArgument(wrong), wrong).toThrow('NAME=VALUE');
    }
    for (const wrong of ['team=a,team=b', '__proto__=a']) {
      expect(() => labelsArgument(wrong), wrong).toThrow('named twice, or is no name');
    }
  });

  it('are for a role or for a framework, and not for both', () => {
    const role = roleArgument('eng/ads');
    const framework = frameworkArgument('alice/f1');
    expect(nameOf(whomOf(role, undefined))).toBe('role eng/ads');
    expect(nameOf(whomOf(undefined, framework))).toBe('framework alice/f1');
    expect(() => whomOf(role, framework)).toThrow('a role and a framework');
    expect(() => whomOf(undefined, undefined)).toThrow('for whom is not said');
  });
});
