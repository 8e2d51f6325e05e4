/**
 * What the server has counted since it started. Plain numbers, so that counting costs an addition;
 * formatting costs only when metrics are scraped.
 */
export interface Counters {
  connectionsOpened: number;
  sessionsOpened: number;
  sessionsResumed: number;
  processesStarted: number;
  /** Processes that were started and have not been closed. */
  processesOpen: number;
  /** Raw bytes of output of all processes. */
  outputBytes: number;
  /** Traffic of the closed connections. */
  readonly closedTraffic: Traffic;
  /** Connections that are open. */
  readonly connections: Set<ConnectionGauge>;
  /** Connections that have ended, by how. */
  readonly connectionEnds: Map<ConnectionEnding, number>;
  /** Refused upgrades, by HTTP status. */
  readonly refusals: Map<number, number>;
  /** Requests that were answered, by method. */
  readonly requests: Map<string, RequestCount>;
  /** Requests that were answered with an error, by its code. */
  readonly errors: Map<number, number>;
}

/**
 * How a connection ended: closed in order; lost, by an error or silence; cut by this server for a
 * reason; or failed, because one end sent what the other may not accept.
 */
export type ConnectionEnding = "closed" | "lost" | "cut" | "failed";

/** Payload bytes of the messages that one connection has carried. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
}

/** The current values of one connection, read when metrics are scraped. */
export interface ConnectionGauge {
  readonly traffic: Traffic;
  readonly unsentBytes: number;
  readonly unansweredRequests: number;
  readonly unansweredBytes: number;
}

export interface RequestCount {
  count: number;
  totalMs: number;
  /**
   * Counts by duration: those at most as long as the bound of the same index in `durationBoundsMs`,
   * and longer than the one before.
   */
  readonly byDuration: number[];
}

/** Bucket bounds, in ms: from a request answered from memory to a long poll. */
export const durationBoundsMs = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000, 30_000,
];

export const makeCounters = (): Counters => ({
  connectionsOpened: 0,
  sessionsOpened: 0,
  sessionsResumed: 0,
  processesStarted: 0,
  processesOpen: 0,
  outputBytes: 0,
  closedTraffic: { receivedBytes: 0, sentBytes: 0 },
  connections: new Set(),
  connectionEnds: new Map(),
  refusals: new Map(),
  requests: new Map(),
  errors: new Map(),
});

/** `method` must be one of the protocol's, or a client could make any number of counters. */
export function countRequest({ requests }: Counters, method: string, durationMs: number): void {
  let counted = requests.get(method);
  if (counted === undefined) {
    counted = { count: 0, totalMs: 0, byDuration: durationBoundsMs.map(() => 0) };
    requests.set(method, counted);
  }
  counted.count++;
  counted.totalMs += durationMs;
  const bound = durationBoundsMs.findIndex((boundMs) => durationMs <= boundMs);
  if (bound >= 0) counted.byDuration[bound] = (counted.byDuration[bound] ?? 0) + 1;
}

export function countOne<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export function addTraffic(sum: Traffic, { receivedBytes, sentBytes }: Traffic): void {
  sum.receivedBytes += receivedBytes;
  sum.sentBytes += sentBytes;
}
