// Owns the system calls that a confined task may not make: a program for the kernel's seccomp filter, which bwrap(1) loads.
// Pure. What a task may do at all is decided by its user, capabilities and namespaces; this keeps it from calls in which
// holes were found, and which ordinary programs do not make.
//
// Sources: the program is classic BPF, an array of `struct sock_filter` over a `struct seccomp_data` (linux/filter.h,
// linux/seccomp.h, seccomp(2)); numbers are of asm/unistd_64.h of x86-64 and of asm-generic/unistd.h, which is that of
// arm64. What is refused is taken from Docker's default profile (moby, profiles/seccomp/default.json) and from systemd's groups
// @clock, @debug but for ptrace, @keyring, @module, @mount, @raw-io, @reboot and @swap (systemd.exec(5)).

export type FilteredProcessor = 'x64' | 'arm64';

/** The number on each; undefined where there is no such call. */
type Numbers = readonly [x64: number, arm64: number | undefined];

const EPERM = 1;
const ENOSYS = 38;

/** Refused with EPERM, whatever is asked for. */
export const REFUSED_CALLS: Readonly<Record<string, Numbers>> = {
  acct: [163, 89],
  add_key: [248, 217],
  adjtimex: [159, 171],
  bpf: [321, 280],
  clock_adjtime: [305, 266],
  clock_settime: [227, 112],
  delete_module: [176, 106],
  fanotify_init: [300, 262],
  finit_module: [313, 273],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  init_module: [175, 105],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  ioperm: [173, undefined],
  iopl: [172, undefined],
  kexec_file_load: [320, 294],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  open_tree_attr: [467, 467],
  perf_event_open: [298, 241],
  pivot_root: [155, 41],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  reboot: [169, 142],
  request_key: [249, 218],
  setdomainname: [171, 162],
  sethostname: [170, 161],
  setns: [308, 268],
  settimeofday: [164, 170],
  swapoff: [168, 225],
  swapon: [167, 224],
  syslog: [103, 116],
  umount2: [166, 39],
  userfaultfd: [323, 282],
  vhangup: [153, 58],
};

/** Its arguments lie in memory, where no filter looks; without it the C library takes `clone`. */
export const CLONE3 = 435;

/** Of an argument the filter looks at the lower half, as the kernel does where it takes an `int` or flags. */
type ArgumentRule = {
  readonly numbers: Numbers;
  readonly argument: 0 | 1;
  readonly refused:
    | { readonly anyBitOf: number }
    | { readonly oneOf: readonly number[] }
    | { readonly noneOf: readonly number[] };
};

/** New namespaces of mounts, cgroups, UTS, IPC, users, processes, network (linux/sched.h). */
const NEW_NAMESPACES = 0x7e02_0000;
/** As a bit it is one for `unshare` only: in `clone` it belongs to a signal's number. */
const NEW_TIME = 0x80;
/** To the terminal's input as if it had been typed (asm-generic/ioctls.h). */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** Leads to the hypervisor, past every network namespace. */
const AF_VSOCK = 40;
/** Of Linux, also as a 32-bit one or with a version of 2.6, and to ask which it is. Others weaken what the kernel randomises. */
const PERSONALITIES = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

export const ARGUMENT_RULES = {
  clone: { numbers: [56, 220], argument: 0, refused: { anyBitOf: NEW_NAMESPACES } },
  unshare: { numbers: [272, 97], argument: 0, refused: { anyBitOf: NEW_NAMESPACES | NEW_TIME } },
  ioctl: { numbers: [16, 29], argument: 1, refused: { oneOf: [TIOCSTI, TIOCLINUX] } },
  socket: { numbers: [41, 198], argument: 0, refused: { oneOf: [AF_VSOCK] } },
  personality: { numbers: [135, 92], argument: 0, refused: { noneOf: PERSONALITIES } },
} as const satisfies Readonly<Record<string, ArgumentRule>>;

/** linux/audit.h */
const AUDIT_ARCHITECTURES = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
/** A tracer gives it to a call that is to be left out. */
const NO_CALL = 0xffff_ffff;
/** Set in the calls of x32, a second set of x86-64, which most kernels lack. */
const X32_BIT = 0x4000_0000;

/** linux/seccomp.h */
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const refuse = (errno: number): number => 0x0005_0000 | errno;

/** Offsets in a `struct seccomp_data`; of an argument, that of its lower half. */
const CALL = 0;
const ARCHITECTURE = 4;
const argumentAt = (index: number): number => 16 + 8 * index;

/** A `struct sock_filter`; jumps count the instructions that are left out. */
type Instruction = {
  readonly code: number;
  readonly k: number;
  readonly ifTrue?: number;
  readonly ifFalse?: number;
};
const INSTRUCTION_BYTES = 8;

const load = (offset: number): Instruction => ({ code: 0x20, k: offset });
const end = (verdict: number): Instruction => ({ code: 0x06, k: verdict });
const unlessEqual = (k: number, skip: number): Instruction => ({ code: 0x15, k, ifFalse: skip });
const unlessAnyBit = (k: number, skip: number): Instruction => ({ code: 0x45, k, ifFalse: skip });

/** Undefined for a processor that it knows no numbers of. */
export function filteredProcessor(name: string): FilteredProcessor | undefined {
  return name === 'x64' || name === 'arm64' ? name : undefined;
}

/** The program, as the kernel takes it. Both processors are little endian. */
export function syscallFilterFor(processor: FilteredProcessor): Uint8Array {
  const instructions = [
    load(ARCHITECTURE),
    { code: 0x15, k: AUDIT_ARCHITECTURES[processor], ifTrue: 1 },
    // A program for another processor, such as a 32-bit one: its calls have other numbers.
    end(KILL_PROCESS),
    load(CALL),
    ...(processor === 'x64' ? X32_CALLS : []),
    ...Object.values(ARGUMENT_RULES).flatMap((rule) => argumentCheck(rule, processor)),
    unlessEqual(CLONE3, 1),
    end(refuse(ENOSYS)),
    ...Object.values(REFUSED_CALLS).flatMap((numbers) => {
      const number = numberOf(numbers, processor);
      return number === undefined ? [] : [unlessEqual(number, 1), end(refuse(EPERM))];
    }),
    end(ALLOW),
  ];
  return assembled(instructions);
}

/** As on a kernel that does not have them. */
const X32_CALLS = [
  unlessEqual(NO_CALL, 1),
  end(ALLOW),
  unlessAnyBit(X32_BIT, 1),
  end(refuse(ENOSYS)),
];

/** It is left out, and the number still there, where the call is another one. */
function argumentCheck(
  { numbers, argument, refused }: ArgumentRule,
  processor: FilteredProcessor,
): Instruction[] {
  const number = numberOf(numbers, processor);
  if (number === undefined) return [];
  const check = [load(argumentAt(argument)), ...verdicts(refused)];
  return [unlessEqual(number, check.length), ...check];
}

function verdicts(refused: ArgumentRule['refused']): Instruction[] {
  const no = end(refuse(EPERM));
  if ('anyBitOf' in refused) return [unlessAnyBit(refused.anyBitOf, 1), no, end(ALLOW)];
  if ('oneOf' in refused) {
    return [...refused.oneOf.flatMap((each) => [unlessEqual(each, 1), no]), end(ALLOW)];
  }
  return [...refused.noneOf.flatMap((each) => [unlessEqual(each, 1), end(ALLOW)]), no];
}

function numberOf([x64, arm64]: Numbers, processor: FilteredProcessor): number | undefined {
  return processor === 'x64' ? x64 : arm64;
}

function assembled(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, k, ifTrue = 0, ifFalse = 0 }] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}
