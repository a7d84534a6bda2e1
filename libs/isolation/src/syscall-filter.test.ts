// What the kernel would say to each system call, found by running the filter's program as the kernel does.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ARGUMENT_RULES,
  CLONE3,
  type FilteredProcessor,
  REFUSED_CALLS,
  syscallFilterFor,
} from './syscall-filter.ts';

type Call = {
  readonly number: number;
  readonly architecture?: number;
  readonly arguments?: readonly bigint[];
};

const ARCHITECTURES = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
const ALLOWED = 0x7fff_0000;
const KILLED = 0x8000_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;

/** `struct seccomp_data` (linux/seccomp.h). */
function dataOf(processor: FilteredProcessor, call: Call): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.architecture ?? ARCHITECTURES[processor], true);
  for (const [index, value] of (call.arguments ?? []).entries()) {
    data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, value), true);
  }
  return data;
}

/** What classic BPF of these instructions does (linux/filter.h). Throws where the kernel would not load it. */
function verdictOn(processor: FilteredProcessor, call: Call): number {
  const program = new DataView(syscallFilterFor(processor).buffer);
  const data = dataOf(processor, call);
  const { byteLength } = program;
  let value = 0;
  for (let at = 0; at < byteLength; at += 8) {
    const code = program.getUint16(at, true);
    const k = program.getUint32(at + 4, true);
    if (code === 0x06) return k;
    if (code === 0x20) {
      value = data.getUint32(k, true);
      continue;
    }
    const isTrue = code === 0x15 ? value === k : (value & k) !== 0;
    if (code !== 0x15 && code !== 0x45) throw new Error(`instruction ${code}`);
    at += 8 * program.getUint8(at + (isTrue ? 2 : 3));
  }
  throw new Error('it has no end');
}

const NEWEST_CALL = 500;

describe.each(['x64', 'arm64'] as const)('on %s', (processor) => {
  const numberOf = ([x64, arm64]: readonly [number, number | undefined]): number | undefined =>
    processor === 'x64' ? x64 : arm64;
  const callOf = (name: keyof typeof ARGUMENT_RULES): number => {
    const number = numberOf(ARGUMENT_RULES[name].numbers);
    if (number === undefined) throw new Error(`${name} has no number`);
    return number;
  };
  const said = (name: keyof typeof ARGUMENT_RULES, ...values: readonly bigint[]): number =>
    verdictOn(processor, { number: callOf(name), arguments: values });

  test('the calls that are named are refused, clone3 is not there, and every other call is allowed', () => {
    const refused = new Set(Object.values(REFUSED_CALLS).map(numberOf));
    for (let number = 0; number <= NEWEST_CALL; number += 1) {
      // Nothing but zeros in arguments.
      const expected = refused.has(number) ? EPERM : number === CLONE3 ? ENOSYS : ALLOWED;
      expect([number, verdictOn(processor, { number })]).toEqual([number, expected]);
    }
  });

  test('threads and processes may be made, namespaces may not', () => {
    const thread = 0x3d_0f00n;
    expect(said('clone', thread)).toBe(ALLOWED);
    expect(said('clone', 17n)).toBe(ALLOWED);
    expect(said('unshare', 0x400n)).toBe(ALLOWED);
    const kinds = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000];
    for (const kind of [...kinds, 0x4000_0000].map(BigInt)) {
      expect(said('clone', kind | 17n)).toBe(EPERM);
      expect(said('unshare', kind)).toBe(EPERM);
    }
    expect(said('unshare', 0x80n)).toBe(EPERM);
  });

  test('nothing is typed into a terminal, whatever is in the half of the argument that the kernel ignores', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (upper) => {
        expect(said('ioctl', 0n, (upper << 32n) | 0x5412n)).toBe(EPERM);
        expect(said('ioctl', 0n, (upper << 32n) | 0x541cn)).toBe(EPERM);
        // TIOCGWINSZ
        expect(said('ioctl', 0x5412n, (upper << 32n) | 0x5413n)).toBe(ALLOWED);
      }),
    );
  });

  test('sockets are had but for those that lead to the hypervisor', () => {
    for (const family of [1n, 2n, 10n, 16n]) expect(said('socket', family)).toBe(ALLOWED);
    expect(said('socket', 40n)).toBe(EPERM);
  });

  test('what the kernel randomises stays random', () => {
    for (const kind of [0n, 8n, 0xffff_ffffn]) expect(said('personality', kind)).toBe(ALLOWED);
    expect(said('personality', 0x4_0000n)).toBe(EPERM);
  });

  test('a program for another processor is killed at its first call', () => {
    const others = [0x4000_0003, 0x4000_0028, ...Object.values(ARCHITECTURES)];
    for (const architecture of others.filter((one) => one !== ARCHITECTURES[processor])) {
      expect(verdictOn(processor, { number: 0, architecture })).toBe(KILLED);
    }
  });
});

test('the second set of calls that x86-64 has is not there; a call that a tracer leaves out is no call', () => {
  fc.assert(
    fc.property(fc.nat(0x3fff_fffe), (number) => {
      expect(verdictOn('x64', { number: 0x4000_0000 + number })).toBe(ENOSYS);
    }),
  );
  expect(verdictOn('x64', { number: 0xffff_ffff })).toBe(ALLOWED);
});
