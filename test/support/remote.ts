import type { Machine, MachineListener } from "../../src/client/machine.ts";
import { type RemoteMachineOptions, remoteMachine } from "../../src/client/remote-machine.ts";
import type { Emit, Event } from "../../src/protocol/methods.ts";

const indifferent: MachineListener = {
  emit: () => true,
  isBehind: () => false,
  onOutputLost: () => {},
  onProcessFailed: () => {},
  onDisconnected: () => {},
  onResumed: () => {},
  onLost: () => {},
};

/** The environment of a server as the client sees it, by the shapes of the protocol. */
export function connectMachine(
  url: string,
  listener: Partial<MachineListener> = {},
  options: RemoteMachineOptions = {},
): Promise<Machine> {
  return remoteMachine(url, options, { ...indifferent, ...listener });
}

/** Hands on the events of one part of an environment only. */
export const emitOnly =
  <E extends Event>(wanted: (event: Event) => event is E, emit: Emit<E>): Emit<Event> =>
  (event, params) =>
    wanted(event) ? emit(event, params as never) : true;
