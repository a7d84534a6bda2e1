import { describe, expect, it } from 'vitest';
import { plotCourse, UtilisationMeter } from './utilisation.ts';

describe('UtilisationMeter', () => {
  it('weighs allocated / total of each resource by time', () => {
    const meter = new UtilisationMeter();
    meter.recordAllocated(0, { cpus: 500 }, { cpus: 1000, mem: 2000 });
    meter.recordAllocated(10, { cpus: 1000, mem: 1000 }, { cpus: 1000, mem: 2000 });
    const [cpus, mem] = meter.report(20, 2);
    expect(cpus).toMatchObject({ resource: 'cpus', allocated: 0.75, course: [0.5, 1] });
    expect(mem).toMatchObject({ resource: 'mem', allocated: 0.25, used: undefined });
  });

  it('reports used / total only for what was measured', () => {
    const meter = new UtilisationMeter();
    meter.recordAllocated(0, { cpus: 500 }, { cpus: 1000, mem: 2000 });
    meter.recordUsed(0, { cpus: 250 }, { cpus: 1000, mem: 2000 });
    expect(meter.report(10, 1).map((each) => each.used)).toEqual([0.25, undefined]);
  });

  it('follows a total that grows when agents join', () => {
    const meter = new UtilisationMeter();
    meter.recordAllocated(0, { cpus: 1000 }, { cpus: 1000 });
    meter.recordAllocated(10, { cpus: 1000 }, { cpus: 4000 });
    expect(meter.report(20, 1)[0]?.allocated).toBeCloseTo(0.625);
  });

  it('leaves out resources of which there is none', () => {
    const meter = new UtilisationMeter();
    meter.recordAllocated(0, {}, { cpus: 0 });
    expect(meter.report(10, 1)).toEqual([]);
  });
});

describe('plotCourse', () => {
  it('draws one bar a stretch and leaves unknown ones blank', () => {
    expect(plotCourse([0, 0.5, 1, undefined, 2])).toBe('▁▅█ █');
  });
});
