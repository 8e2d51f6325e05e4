/** The numbers of the filtered system calls, which differ between architectures. */

/** Newer calls have the same number on every architecture. */
const everywhere = {
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  clone3: 435,
};

const x64 = {
  ...everywhere,
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
  clone: 56,
  ptrace: 101,
  setrlimit: 160,
  add_key: 248,
  request_key: 249,
  keyctl: 250,
  unshare: 272,
  accept4: 288,
  recvmmsg: 299,
  sendmmsg: 307,
  prlimit64: 302,
  setns: 308,
  process_vm_readv: 310,
  process_vm_writev: 311,
};

const arm64 = {
  ...everywhere,
  ioctl: 29,
  unshare: 97,
  ptrace: 117,
  setrlimit: 164,
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
  add_key: 217,
  request_key: 218,
  keyctl: 219,
  clone: 220,
  accept4: 242,
  recvmmsg: 243,
  prlimit64: 261,
  setns: 268,
  sendmmsg: 269,
  process_vm_readv: 270,
  process_vm_writev: 271,
};

export type SystemCall = keyof typeof x64;

/** Architectures with known numbers, as Node names them. */
export type SeccompMachine = "x64" | "arm64";

interface Machine {
  /** AUDIT_ARCH_*: calls by another architecture's ABI have other numbers. */
  readonly arch: number;
  readonly calls: Readonly<Record<SystemCall, number>>;
}

export const machines: Readonly<Record<SeccompMachine, Machine>> = {
  x64: { arch: 0xc000003e, calls: x64 },
  arm64: { arch: 0xc00000b7, calls: arm64 },
};

export function seccompMachine(arch: string): SeccompMachine | undefined {
  return arch === "x64" || arch === "arm64" ? arch : undefined;
}
