/**
 * The system calls a confined process may not make, as a program for the kernel's filter. bwrap
 * loads it last, so that it holds for the command and for all that descends from it. Refused calls
 * fail with EPERM, which programs expect and report. Pure: bytes out, nothing loaded here.
 */
import type { Buffer } from "node:buffer";
import {
  assembled,
  load,
  onCall,
  plain,
  skipIfBelow,
  skipUnlessAnySet,
  skipUnlessEqual,
  unless,
} from "./filter-program.ts";
import { machines, type SeccompMachine, type SystemCall } from "./system-calls.ts";

export interface SeccompRules {
  readonly network: "restricted" | "enabled";
}

/**
 * Names of refused calls. io_uring makes calls that no filter sees; `setns` is one of the ways to
 * mounts of one's own; the keys are those of the server's login, which no namespace holds back.
 */
const refusedAlways: readonly SystemCall[] = [
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  "setns",
  "add_key",
  "request_key",
  "keyctl",
];

/**
 * Without network also what would reach another process or a socket: also a datagram through a
 * socket of a path, which no network namespace holds back.
 */
const refusedWithoutNetwork: readonly SystemCall[] = [
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
];

/** The filter in the kernel's own form: eight bytes for each instruction. */
export function seccompProgram(machine: SeccompMachine, rules: SeccompRules): Buffer {
  const { arch, calls } = machines[machine];
  const restricted = rules.network === "restricted";
  const refused = [...refusedAlways, ...(restricted ? refusedWithoutNetwork : [])];
  return assembled([
    load(offsets.arch),
    ...unless(arch, [answer.kill]),
    load(offsets.call),
    ...(machine === "x64" ? [skipIfBelow(x32Bit, 1), answer.refuse] : []),
    ...refused.flatMap((name) => [skipUnlessEqual(calls[name], 1), answer.refuse]),
    ...onCall(calls.ioctl, terminalInput),
    ...onCall(calls.unshare, ownMounts),
    ...onCall(calls.clone, ownMounts),
    ...onCall(calls.setrlimit, ownLocks),
    ...onCall(calls.prlimit64, anyLocks),
    // Its flags are in memory, which no filter reads; without it programs take `clone`.
    ...onCall(calls.clone3, [answer.noCall]),
    ...(restricted ? onCall(calls.getpeername, peerNames) : []),
    ...(restricted ? onCall(calls.socketpair, socketPairs) : []),
    answer.allow,
  ]);
}

/**
 * Places in `struct seccomp_data`; of 64-bit arguments the low half, which is all the kernel takes.
 */
const offsets = { call: 0, arch: 4, firstArgument: 16, secondArgument: 24, thirdArgument: 32 };
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
const CLONE_NEWNS = 0x00020000;
const RLIMIT_LOCKS = 10;
const EPERM = 1;
const ENOSYS = 38;
const ENOTSOCK = 88;

/** `BPF_RET | BPF_K` with SECCOMP_RET_ALLOW, _ERRNO and _KILL_PROCESS. */
const answer = {
  allow: plain(0x06, 0x7fff0000),
  refuse: plain(0x06, 0x00050000 | EPERM),
  noSocket: plain(0x06, 0x00050000 | ENOTSOCK),
  noCall: plain(0x06, 0x00050000 | ENOSYS),
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
 * A mount keeps the directory or file on which it lies from being renamed only by those who have
 * it among their mounts. Any user gets mounts of his own in a user namespace of his own, and can
 * take them all away there: then what is read-only or denied below a writable directory could be
 * moved aside, to be read by the next sandbox, or to put something else in its place.
 */
const ownMounts = [
  load(offsets.firstArgument),
  skipUnlessAnySet(CLONE_NEWNS, 1),
  answer.refuse,
  answer.allow,
];

/**
 * The limit of file locks is the mark by which what a server has started is found when the server
 * is killed. The kernel itself has no use for it, and so nobody but a fugitive sets it.
 */
const ownLocks = [
  load(offsets.firstArgument),
  skipUnlessEqual(RLIMIT_LOCKS, 1),
  answer.refuse,
  answer.allow,
];

/** The same, which without an address of new limits only reads them. */
const anyLocks = [
  load(offsets.secondArgument),
  ...unless(RLIMIT_LOCKS, [answer.allow]),
  load(offsets.thirdArgument),
  ...unless(0, [answer.refuse]),
  load(offsets.thirdArgument + 4),
  ...unless(0, [answer.refuse]),
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
