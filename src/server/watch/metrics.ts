import type { Metric, MetricValue, Registry } from "prom-client";
import { loadLibrary } from "../../system/load-library.ts";
import { addTraffic, type ConnectionGauge, type Counters, durationBoundsMs } from "./counters.ts";

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

/** Current values that the counters do not hold. */
export interface Gauges {
  /** Sessions with and without a connection. */
  sessions(): { readonly attached: number; readonly detached: number };
  /** Sandbox helpers by what they do. */
  helpers(): Readonly<Record<string, number>>;
}

/** Formats the counters for Prometheus. The first scrape loads the library for that. */
export function metricsOf(counters: Counters, gauges: Gauges): () => Promise<MetricsText> {
  let registry: Promise<Registry> | undefined;
  return async () => {
    registry ??= makeRegistry(counters, gauges).catch((error) => {
      // The library could not be loaded, probably for lack of descriptors: the next scrape retries.
      registry = undefined;
      throw error;
    });
    const made = await registry;
    return { contentType: made.contentType, text: await made.metrics() };
  };
}

interface Row {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly values: () => Value[];
}

interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

async function makeRegistry(counters: Counters, gauges: Gauges): Promise<Registry> {
  // Bundled, a CommonJS package has its exports only below `default`.
  const { default: client } = await loadLibrary(() => import("prom-client"));
  const registry = new client.Registry();
  for (const row of [...countedRows(counters), ...currentRows(counters, gauges)]) {
    registry.registerMetric(liveMetric(row));
  }
  return registry;
}

/**
 * A metric that reads its values when it is scraped. The library's own metrics have to be told of
 * every change, for which it would have to be loaded at the start. To print a metric it only calls
 * `get`, although its types demand more.
 */
function liveMetric({ name, type, help, values }: Row): Metric {
  const get = async () => ({
    name,
    type,
    help,
    aggregator: "sum",
    values: values() as MetricValue<string>[],
  });
  return { name, get } as unknown as Metric;
}

const countedRows = (counters: Counters): Row[] => [
  counter("connections", "WebSocket connections opened", () => one(counters.connectionsOpened)),
  counter("connection_ends", "WebSocket connections that have ended, by how", () =>
    by("ending", counters.connectionEnds),
  ),
  counter("refusals", "Upgrades refused, by HTTP status", () => by("status", counters.refusals)),
  counter("sessions", "Sessions opened", () => one(counters.sessionsOpened)),
  counter("sessions_resumed", "Sessions that got another connection", () =>
    one(counters.sessionsResumed),
  ),
  counter("processes", "Processes started", () => one(counters.processesStarted)),
  counter("process_output_bytes", "Raw bytes put out by processes", () =>
    one(counters.outputBytes),
  ),
  counter("received_bytes", "Payload bytes of messages from clients", () =>
    one(traffic(counters).receivedBytes),
  ),
  counter("sent_bytes", "Payload bytes of messages to clients", () =>
    one(traffic(counters).sentBytes),
  ),
  counter("errors", "Requests answered with an error, by code", () => by("code", counters.errors)),
  {
    name: "codex_request_duration_seconds",
    type: "histogram",
    help: "Time from the arrival of a request to its answer, by method",
    values: () => durations(counters),
  },
];

const currentRows = (counters: Counters, { sessions, helpers }: Gauges): Row[] => [
  gauge("open_connections", "WebSocket connections that are open", () =>
    one(counters.connections.size),
  ),
  gauge("open_sessions", "Sessions with and without a connection", () =>
    by("state", new Map(Object.entries(sessions()))),
  ),
  gauge("sandbox_helpers", "Workers for sandboxed file operations, and starts that wait", () =>
    by("state", new Map(Object.entries(helpers()))),
  ),
  gauge("open_processes", "Processes that are not closed", () => one(counters.processesOpen)),
  gauge("unanswered_requests", "Requests that wait for their answer", () =>
    sum(counters, (connection) => connection.unansweredRequests),
  ),
  gauge("unanswered_bytes", "Bytes of requests that wait for their answer", () =>
    sum(counters, (connection) => connection.unansweredBytes),
  ),
  gauge("unsent_bytes", "Bytes that clients have not taken yet", () =>
    sum(counters, (connection) => connection.unsentBytes),
  ),
  gauge("resident_memory_bytes", "Memory of the server process", residentBytes),
];

/** Empty without a free descriptor, because Node reads the value from a file. */
function residentBytes(): Value[] {
  try {
    return one(process.memoryUsage.rss());
  } catch {
    return [];
  }
}

const counter = (name: string, help: string, values: Row["values"]): Row => ({
  name: `codex_${name}_total`,
  type: "counter",
  help,
  values,
});

const gauge = (name: string, help: string, values: Row["values"]): Row => ({
  name: `codex_${name}`,
  type: "gauge",
  help,
  values,
});

const one = (value: number): Value[] => [{ value, labels: {} }];

const by = (label: string, counts: ReadonlyMap<string | number, number>): Value[] =>
  Array.from(counts, ([key, value]) => ({ value, labels: { [label]: key } }));

function sum({ connections }: Counters, of: (connection: ConnectionGauge) => number): Value[] {
  return one([...connections].reduce((total, connection) => total + of(connection), 0));
}

function traffic({ closedTraffic, connections }: Counters) {
  const total = { ...closedTraffic };
  for (const connection of connections) addTraffic(total, connection.traffic);
  return total;
}

function durations({ requests }: Counters): Value[] {
  const name = "codex_request_duration_seconds";
  return Array.from(requests).flatMap(([method, { count, totalMs, byDuration }]) => {
    let atMost = 0;
    const buckets = durationBoundsMs.map((boundMs, index) => {
      atMost += byDuration[index] ?? 0;
      return bucket(method, boundMs / 1000, atMost);
    });
    const labels = { method };
    return [
      ...buckets,
      bucket(method, "+Inf", count),
      { metricName: `${name}_sum`, value: totalMs / 1000, labels },
      { metricName: `${name}_count`, value: count, labels },
    ];
  });
}

const bucket = (method: string, le: string | number, value: number): Value => ({
  metricName: "codex_request_duration_seconds_bucket",
  value,
  labels: { method, le },
});
