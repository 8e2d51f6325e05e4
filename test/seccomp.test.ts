import assert from "node:assert/strict";
import { test } from "node:test";
import { seccompProgram } from "../src/sandbox/bwrap/seccomp.ts";
import { seccompMachine } from "../src/sandbox/bwrap/system-calls.ts";

const answers = new Map([
  [0x7fff0000, "allow"],
  [0x00050001, "refuse"],
  [0x00050058, "noSocket"],
  [0x00050026, "noCall"],
  [0x80000000, "kill"],
]);

interface Call {
  readonly arch: number;
  readonly call: number;
  /** The fourth is the upper half of the third. */
  readonly args?: readonly number[];
}

/** Does what the kernel does with the program. */
function judge(program: Buffer, { arch, call, args = [] }: Call): string | undefined {
  const words = new Map([
    [0, call],
    [4, arch],
    [16, args[0] ?? 0],
    [24, args[1] ?? 0],
    [32, args[2] ?? 0],
    [36, args[3] ?? 0],
  ]);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at++) {
    const code = program.readUInt16LE(at * 8);
    const operand = program.readUInt32LE(at * 8 + 4);
    const skipped = (isTrue: boolean) => program.readUInt8(at * 8 + (isTrue ? 2 : 3));
    if (code === 0x20) accumulator = words.get(operand) ?? assert.fail("an unknown place");
    else if (code === 0x54) accumulator &= operand;
    else if (code === 0x15) at += skipped(accumulator === operand);
    else if (code === 0x45) at += skipped((accumulator & operand) !== 0);
    else if (code === 0x35) at += skipped(accumulator >= operand);
    else if (code === 0x06) return answers.get(operand);
    else assert.fail(`an unknown instruction ${code}`);
  }
  return assert.fail("the end of the program");
}

const x64 = 0xc000003e;
const arm64 = 0xc00000b7;
const numbers = {
  x64: {
    arch: x64,
    read: 0,
    ioctl: 16,
    socket: 41,
    connect: 42,
    getpeername: 52,
    socketpair: 53,
    sendmsg: 46,
    clone: 56,
    ptrace: 101,
    setrlimit: 160,
    prlimit64: 302,
    keyctl: 250,
    unshare: 272,
    setns: 308,
  },
  arm64: {
    arch: arm64,
    read: 63,
    ioctl: 29,
    socket: 198,
    connect: 203,
    getpeername: 205,
    socketpair: 199,
    sendmsg: 211,
    clone: 220,
    ptrace: 117,
    setrlimit: 164,
    prlimit64: 261,
    unshare: 97,
    keyctl: 219,
    setns: 268,
  },
} as const;

for (const machine of ["x64", "arm64"] as const) {
  const own = numbers[machine];
  const cases: [title: string, call: number, args: number[], closed: string, open: string][] = [
    ["reading", own.read, [], "allow", "allow"],
    ["any socket", own.socket, [1], "refuse", "allow"],
    ["connecting", own.connect, [], "refuse", "allow"],
    ["the peer of the input", own.getpeername, [0], "noSocket", "allow"],
    ["the peer of another socket", own.getpeername, [3], "refuse", "allow"],
    ["sending to a pair", own.sendmsg, [], "allow", "allow"],
    ["a pair of streams", own.socketpair, [1, 0x80001], "allow", "allow"],
    ["a pair of packets", own.socketpair, [1, 5], "allow", "allow"],
    ["a pair of datagrams", own.socketpair, [1, 2], "refuse", "allow"],
    ["a raw pair, which is one of datagrams", own.socketpair, [1, 3], "refuse", "allow"],
    ["a pair of another family", own.socketpair, [2, 1], "refuse", "allow"],
    ["tracing", own.ptrace, [], "refuse", "allow"],
    ["setting up io_uring", 425, [], "refuse", "refuse"],
    ["entering io_uring", 426, [], "refuse", "refuse"],
    ["a thread", own.clone, [0x3d0f00], "allow", "allow"],
    ["a process with mounts of its own", own.clone, [0x10020011], "refuse", "refuse"],
    ["a process by flags that cannot be seen", 435, [], "noCall", "noCall"],
    ["a user namespace", own.unshare, [0x10000000], "allow", "allow"],
    ["mounts of its own", own.unshare, [0x10020000], "refuse", "refuse"],
    ["no mounts at all", own.unshare, [0x10100000], "refuse", "refuse"],
    ["the mounts of others", own.setns, [3, 0], "refuse", "refuse"],
    ["another limit of files", own.setrlimit, [7], "allow", "allow"],
    ["another limit of locks", own.setrlimit, [10], "refuse", "refuse"],
    ["reading the limit of locks", own.prlimit64, [0, 10, 0, 0], "allow", "allow"],
    ["another limit of locks, by prlimit", own.prlimit64, [0, 10, 16, 0], "refuse", "refuse"],
    ["the same, from far up in memory", own.prlimit64, [1, 10, 0, 16], "refuse", "refuse"],
    ["another limit of files, by prlimit", own.prlimit64, [0, 7, 16, 0], "allow", "allow"],
    ["the keys of a login", own.keyctl, [], "refuse", "refuse"],
    ["typing into the terminal", own.ioctl, [0, 0x5412], "refuse", "refuse"],
    ["pasting into the console", own.ioctl, [0, 0x541c], "refuse", "refuse"],
    ["the size of the terminal", own.ioctl, [0, 0x5413], "allow", "allow"],
  ];
  for (const [title, call, args, closed, open] of cases) {
    test(`seccomp ${machine}: ${title}`, () => {
      const request = { arch: own.arch, call, args };
      const program = (network: "restricted" | "enabled") => seccompProgram(machine, { network });
      assert.equal(judge(program("restricted"), request), closed);
      assert.equal(judge(program("enabled"), request), open);
    });
  }

  test(`seccomp ${machine}: calls of another machine kill`, () => {
    const program = seccompProgram(machine, { network: "enabled" });
    assert.equal(judge(program, { arch: 0x40000003, call: 3 }), "kill");
  });
}

test("seccomp: the x32 convention is refused on x86-64", () => {
  const program = seccompProgram("x64", { network: "enabled" });
  assert.equal(judge(program, { arch: x64, call: 0x40000000 }), "refuse");
});

test("seccomp: machines without numbers have no filter", () => {
  assert.equal(seccompMachine("ppc64"), undefined);
});
