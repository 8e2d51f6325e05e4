import type { Socket } from "node:net";
import type { OrderlySocket } from "./socket/orderly-socket.ts";
import { type ConnectionEnding, countOne, type Traffic } from "./watch/counters.ts";
import type { LogLevel } from "./watch/log.ts";
import type { Telemetry } from "./watch/telemetry.ts";

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

/** To be called before this server ends a connection, with the reason in words. */
export type TellEnd = (ending: "lost" | "cut", reason: string) => void;

/**
 * Logs and counts the end of a connection, once, with the first reason that is known: later events
 * of the socket only follow from it.
 */
export function connectionWatch({ log, counters }: Telemetry, watched: Watched): TellEnd {
  const { socket, tcp, connection, traffic, sessionLabel } = watched;
  // Read now, because a closed socket has no address any more.
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
      // A log that throws must not keep the others from cleaning up after this connection.
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

/** Closed without a closing frame. */
export const abnormalCode = 1006;
/** Normal closure, going away, and a closing frame without a code. */
const orderlyCodes: readonly number[] = [1000, 1001, 1005];
/** From here on, codes belong to applications. */
const applicationCodesMin = 3000;

function endOf(code: number, sentCode: number | undefined, error?: NodeJS.ErrnoException): End {
  // A client that was told of the server's stop need not answer with a closing frame.
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
