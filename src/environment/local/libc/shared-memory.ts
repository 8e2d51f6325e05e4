import type { Buffer } from "node:buffer";

/** Declares System V shared memory, which outlives the process that creates it. */
export interface SharedMemory {
  shmget(key: number, size: number, flags: number): number;
  /** Returns the address, or -1. */
  shmat(id: number, address: number, flags: number): number | bigint;
  shmdt(address: number | bigint): number;
  /** `memcpy` between a buffer and an address. */
  copyFrom(to: Buffer, from: number | bigint, length: number): void;
  copyTo(to: number | bigint, from: Buffer, length: number): void;
}

export function bindSharedMemory(library: import("koffi").LibraryHandle): SharedMemory {
  return {
    shmget: library.func("int shmget(int, size_t, int)"),
    shmat: library.func("intptr_t shmat(int, intptr_t, int)"),
    shmdt: library.func("int shmdt(intptr_t)"),
    copyFrom: library.func("intptr_t memcpy(void *, intptr_t, size_t)"),
    copyTo: library.func("intptr_t memcpy(intptr_t, void *, size_t)"),
  };
}

export const sharedMemoryFlags = { create: 0o1000, exclusively: 0o2000 };
