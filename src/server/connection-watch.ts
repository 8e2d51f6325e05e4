import type { Socket } from "node:net";
import { type ConnectionEnding, countOne, type Traffic } from "./counters.ts";
import type { LogLevel } from "./log.ts";
import type { OrderlySocket } from "./orderly-socket.ts";
import type { Telemetry } from "./session-watch.ts";

const levels: Readonly<Record<ConnectionEnding, LogLevel>> = {
  closed: "debug",
  lost: "info",
  cut: "info",
  failed: "warn",
};

interface Watched {
  readonly socket: OrderlySocket;
  readonly tcp: Socket;
  /** The connection by its number. */
  readonly connection: number;
  readonly traffic: Traffic;
  readonly sessionLabel: () => string | undefined;
}

interface End {
  readonly ending: ConnectionEnding;
  readonly code: number | undefined;
  readonly reason?: string | undefined;
}

/** To be told before a connection is ended from here, with the reason in words. */
export type TellEnd = (ending: "lost" | "cut", reason: string) => void;

/**
 * Enters the end of a connection into the log and the counters, once, as soon as it is known: what
 * the socket says after that only follows from it.
 */
export function connectionWatch({ log, counters }: Telemetry, watched: Watched): TellEnd {
  const { socket, tcp, connection, traffic, sessionLabel } = watched;
  // A socket that is closed does not know it any more.
  const address = tcp.remoteAddress;
  const openedAtMs = performance.now();
  let isEntered = false;
  let systemError: NodeJS.ErrnoException | undefined;
  const enter = ({ ending, code, reason }: End) => {
    if (isEntered) return;
    isEntered = true;
    countOne(counters.connectionEnds, ending);
    const known = { connection, session: sessionLabel(), address, code, reason };
    const durationMs = Math.round(performance.now() - openedAtMs);
    try {
      log(levels[ending], `connection ${ending}`, { ...known, durationMs, ...traffic });
    } catch {
      // Nobody else would hear of the end of this connection, and there is nowhere to tell of this.
    }
  };
  tcp.once("error", (error) => {
    systemError = error;
  });
  socket.on("error", ({ message }) =>
    enter({ ending: "failed", code: socket.closeCode, reason: message }),
  );
  socket.on("close", (code) => enter(endOf(code, socket.closeCode, systemError)));
  return (ending, reason) => enter({ ending, code: abnormalCode, reason });
}

// ---- codes of RFC 6455, section 7.4

/** No frame closed it. */
export const abnormalCode = 1006;
/** Done, going away, and no code at all. */
const orderlyCodes: readonly number[] = [1000, 1001, 1005];
/** From here on applications have codes of their own. */
const applicationCodesMin = 3000;

function endOf(code: number, sentCode: number | undefined, error?: NodeJS.ErrnoException): End {
  // Who has been told that the server stops need not confirm it.
  const known = code === abnormalCode ? (sentCode ?? code) : code;
  if (known === abnormalCode) return { ending: "lost", code, reason: lossReason(error) };
  const isOrderly = orderlyCodes.includes(known) || known >= applicationCodesMin;
  if (isOrderly) return { ending: "closed", code: known };
  return { ending: "failed", code: known, reason: "its client closed it with this code" };
}

function lossReason(error: NodeJS.ErrnoException | undefined): string {
  if (error === undefined) return "the other end went without closing it";
  const isReset = error.code === "ECONNRESET" || error.code === "EPIPE";
  return isReset
    ? `the other end reset it (${error.code})`
    : `the network failed: ${error.message}`;
}
