/**
 * The system calls a confined process may not make, as a program for the kernel's filter. bwrap
 * loads it last, so that it holds for the command and for all that descends from it. Refused calls
 * fail with EPERM, which programs expect and report. Pure: bytes out, nothing loaded here.
 */
import { Buffer } from "node:buffer";

export interface SeccompRules {
  readonly network: "restricted" | "enabled";
}

/** Machines this knows the numbers of, as Node names them. */
export type SeccompMachine = "x64" | "arm64";

/** Names of refused calls. io_uring makes calls that no filter sees. */
const refusedAlways = ["io_uring_setup", "io_uring_enter", "io_uring_register"] as const;

/**
 * Without network also what would reach another process or a socket: also a datagram through a
 * socket of a path, which no network namespace holds back.
 */
const refusedWithoutNetwork = [
  "ptrace",
  "process_vm_readv",
  "process_vm_writev",
  "socket",
  "connect",
  "bind",
  "listen",
  "accept",
  "accept4",
  "sendto",
  "sendmmsg",
  "recvmmsg",
  "getsockname",
  "shutdown",
  "setsockopt",
  "getsockopt",
] as const;

type Call =
  | (typeof refusedAlways | typeof refusedWithoutNetwork)[number]
  | "getpeername"
  | "socketpair"
  | "ioctl";

interface Machine {
  /** AUDIT_ARCH_*: calls made in another machine's convention have other numbers. */
  readonly arch: number;
  readonly calls: Readonly<Record<Call, number>>;
}

const ioUring = { io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 };

const machines: Readonly<Record<SeccompMachine, Machine>> = {
  x64: {
    arch: 0xc000003e,
    calls: {
      ...ioUring,
      ioctl: 16,
      socket: 41,
      connect: 42,
      accept: 43,
      sendto: 44,
      shutdown: 48,
      bind: 49,
      listen: 50,
      getsockname: 51,
      getpeername: 52,
      socketpair: 53,
      setsockopt: 54,
      getsockopt: 55,
      ptrace: 101,
      accept4: 288,
      recvmmsg: 299,
      sendmmsg: 307,
      process_vm_readv: 310,
      process_vm_writev: 311,
    },
  },
  arm64: {
    arch: 0xc00000b7,
    calls: {
      ...ioUring,
      ioctl: 29,
      ptrace: 117,
      socket: 198,
      socketpair: 199,
      bind: 200,
      listen: 201,
      accept: 202,
      connect: 203,
      getsockname: 204,
      getpeername: 205,
      sendto: 206,
      setsockopt: 208,
      getsockopt: 209,
      shutdown: 210,
      accept4: 242,
      recvmmsg: 243,
      sendmmsg: 269,
      process_vm_readv: 270,
      process_vm_writev: 271,
    },
  },
};

export function seccompMachine(arch: string): SeccompMachine | undefined {
  return arch === "x64" || arch === "arm64" ? arch : undefined;
}

/** The filter in the kernel's own form: eight bytes for each instruction. */
export function seccompProgram(machine: SeccompMachine, rules: SeccompRules): Buffer {
  const { arch, calls } = machines[machine];
  const restricted = rules.network === "restricted";
  const refused: Call[] = [...refusedAlways, ...(restricted ? refusedWithoutNetwork : [])];
  return assembled([
    load(offsets.arch),
    ...unless(arch, [answer.kill]),
    load(offsets.call),
    ...(machine === "x64" ? [skipIfBelow(x32Bit, 1), answer.refuse] : []),
    ...refused.flatMap((name) => [skipUnlessEqual(calls[name], 1), answer.refuse]),
    ...onCall(calls.ioctl, terminalInput),
    ...(restricted ? onCall(calls.getpeername, peerNames) : []),
    ...(restricted ? onCall(calls.socketpair, socketPairs) : []),
    answer.allow,
  ]);
}

interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly operand: number;
}

/**
 * Places in `struct seccomp_data`; of 64-bit arguments the low half, which is all the kernel takes.
 */
const offsets = { call: 0, arch: 4, firstArgument: 16, secondArgument: 24 };
/** Calls of the x32 convention come as those of x86-64 with this bit. */
const x32Bit = 0x40000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const socketTypeMask = 0xf;
/** Types a terminal's input for it: what is typed after the process has gone runs outside. */
const TIOCSTI = 0x5412;
/** The same for the console, by its selection buffer. */
const TIOCLINUX = 0x541c;
const EPERM = 1;
const ENOTSOCK = 88;

/** `BPF_RET | BPF_K` with SECCOMP_RET_ALLOW, _ERRNO and _KILL_PROCESS. */
const answer = {
  allow: plain(0x06, 0x7fff0000),
  refuse: plain(0x06, 0x00050000 | EPERM),
  noSocket: plain(0x06, 0x00050000 | ENOTSOCK),
  kill: plain(0x06, 0x80000000),
};

const terminalInput = [
  load(offsets.secondArgument),
  skipUnlessEqual(TIOCSTI, 1),
  answer.refuse,
  skipUnlessEqual(TIOCLINUX, 1),
  answer.refuse,
  answer.allow,
];

/**
 * `bash -c` asks who is at the other end of its input. By any other answer than that it is no
 * socket, which is true here, it takes itself for a remote shell and runs `~/.bashrc`.
 */
const peerNames = [
  load(offsets.firstArgument),
  skipUnlessEqual(0, 1),
  answer.noSocket,
  answer.refuse,
];

/**
 * Only pairs that stay pairs: a pair of datagram sockets (or raw, which is the same) sends to any
 * path.
 */
const socketPairs = [
  load(offsets.firstArgument),
  ...unless(AF_UNIX, [answer.refuse]),
  load(offsets.secondArgument),
  plain(0x54, socketTypeMask),
  skipUnlessEqual(SOCK_STREAM, 1),
  answer.allow,
  skipUnlessEqual(SOCK_SEQPACKET, 1),
  answer.allow,
  answer.refuse,
];

function plain(code: number, operand: number): Instruction {
  return { code, whenTrue: 0, whenFalse: 0, operand };
}

/** `BPF_LD | BPF_W | BPF_ABS`. */
function load(offset: number): Instruction {
  return plain(0x20, offset);
}

/** `BPF_JMP | BPF_JEQ | BPF_K`. */
function skipUnlessEqual(operand: number, skipped: number): Instruction {
  return { code: 0x15, whenTrue: 0, whenFalse: skipped, operand };
}

/** `BPF_JMP | BPF_JGE | BPF_K`. */
function skipIfBelow(operand: number, skipped: number): Instruction {
  return { code: 0x35, whenTrue: 0, whenFalse: skipped, operand };
}

function unless(operand: number, steps: Instruction[]): Instruction[] {
  return [{ code: 0x15, whenTrue: steps.length, whenFalse: 0, operand }, ...steps];
}

function onCall(call: number, steps: Instruction[]): Instruction[] {
  return [skipUnlessEqual(call, steps.length), ...steps];
}

function assembled(instructions: Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, whenTrue, whenFalse, operand }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(whenTrue, index * 8 + 2);
    bytes.writeUInt8(whenFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, index * 8 + 4);
  });
  return bytes;
}
