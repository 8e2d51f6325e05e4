/**
 * The seccomp filter: the system calls that a confined process may not make. bwrap loads it last,
 * so it applies to the command and all its descendants. Refused calls fail with EPERM, which
 * programs expect and report. Pure: it only computes the bytes.
 */
import type { Buffer } from "node:buffer";
import { internalError } from "../../protocol/errors.ts";
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
import { machines, type SeccompMachine, type SystemCall, seccompMachine } from "./system-calls.ts";

export interface SeccompRules {
  readonly network: "restricted" | "enabled";
}

/**
 * Calls that are always refused. io_uring makes calls that no filter sees; `setns` can lead to a
 * private mount namespace; the keyrings are those of the server's login, which no namespace
 * separates.
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
 * Calls that are refused without network, because they reach another process or a socket: also
 * datagrams to a socket with a path, which no network namespace stops.
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

/** The filter for this machine. Throws where there is none; there no bwrap counts as working. */
export function ownSeccompProgram(rules: SeccompRules): Buffer {
  const machine = seccompMachine(process.arch);
  if (machine) return seccompProgram(machine, rules);
  throw internalError(`there is no system call filter for ${process.arch}`);
}

/** The filter in the kernel's format: eight bytes per instruction. */
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
    ...onCall(calls.unshare, ownMounts(CLONE_NEWNS | UNSHARE_EMPTY_MNTNS)),
    ...onCall(calls.clone, ownMounts(CLONE_NEWNS)),
    ...onCall(calls.setrlimit, ownLocks),
    ...onCall(calls.prlimit64, anyLocks),
    // Filters cannot read its flags, which are in memory; without it programs use `clone`.
    ...onCall(calls.clone3, [answer.noCall]),
    ...(restricted ? onCall(calls.getpeername, peerNames) : []),
    ...(restricted ? onCall(calls.socketpair, socketPairs) : []),
    answer.allow,
  ]);
}

/**
 * Offsets in `struct seccomp_data`. Of 64-bit arguments only the low half, which is all that the
 * kernel uses.
 */
const offsets = { call: 0, arch: 4, firstArgument: 16, secondArgument: 24, thirdArgument: 32 };
/** Calls of the x32 ABI are those of x86-64 with this bit. */
const x32Bit = 0x40000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const socketTypeMask = 0xf;
/** Inserts input into a terminal, which would run outside after the process has gone. */
const TIOCSTI = 0x5412;
/** The same for the console, by its selection buffer. */
const TIOCLINUX = 0x541c;
const CLONE_NEWNS = 0x00020000;
/** Since Linux 7.1, and only for `unshare`: to `clone` this bit is CLONE_PARENT_SETTID. */
const UNSHARE_EMPTY_MNTNS = 0x00100000;
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
 * A mount point can be renamed by processes in a mount namespace that lacks the mount. Any user can
 * create a mount namespace in a user namespace, and unmount everything there, or have an empty one.
 * Then paths that are read-only or denied below a writable directory could be moved aside, to be
 * read by the next sandbox or to be replaced.
 */
const ownMounts = (flags: number) => [
  load(offsets.firstArgument),
  skipUnlessAnySet(flags, 1),
  answer.refuse,
  answer.allow,
];

/**
 * The limit of file locks marks the processes that a server has started, by which they are found
 * when it is killed. The kernel itself does not use it, so only a process that wants to escape sets
 * it.
 */
const ownLocks = [
  load(offsets.firstArgument),
  skipUnlessEqual(RLIMIT_LOCKS, 1),
  answer.refuse,
  answer.allow,
];

/** The same for `prlimit64`, which only reads the limits when it gets no new ones. */
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
 * `bash -c` asks for the peer of its stdin. After any other error than ENOTSOCK, which is true
 * here, it takes itself for a remote shell and runs `~/.bashrc`.
 */
const peerNames = [
  load(offsets.firstArgument),
  skipUnlessEqual(0, 1),
  answer.noSocket,
  answer.refuse,
];

/**
 * Only connected types: a socket of a datagram pair (or raw, which is the same) can send to any
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
