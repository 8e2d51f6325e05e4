import { environmentHandlers } from "../handlers/environment.ts";
import { fileSystemHandlers } from "../handlers/file-system.ts";
import { httpHandlers } from "../handlers/http.ts";
import { processHandlers } from "../handlers/processes.ts";
import { sessionHandlers } from "../handlers/session.ts";
import { decodeParams } from "../protocol/decode-params.ts";
import { errorCodes, RpcError } from "../protocol/errors.ts";
import type { IncomingRequest } from "../protocol/json-rpc.ts";
import { type Handlers, type Method, type Params, requests } from "../protocol/methods.ts";
import { schemaOf } from "../protocol/schema-of.ts";
import type { Connection } from "./connection.ts";
import { setTrace } from "./watch/request-traces.ts";

const handlers: Handlers<Method, Connection> = {
  ...sessionHandlers,
  ...environmentHandlers,
  ...processHandlers,
  ...fileSystemHandlers,
  ...httpHandlers,
};

/** Checks the name of a method; throws -32601 for an unknown one. */
export function methodNamed(name: string): Method {
  if (Object.hasOwn(requests, name)) return name as Method;
  throw new RpcError(
    errorCodes.methodNotFound,
    `method \`${name}\` is not implemented by this exec-server`,
  );
}

/**
 * Builds the schemas that the first command and the first file would wait 2 ms for, while a client
 * reads the answer to `initialize`.
 */
export function expectRequests(): void {
  schemaOf(requests["process/start"].params);
  schemaOf(requests["fs/readFile"].params);
}

/**
 * Answers one request: checks its params, then runs its handler, behind earlier requests where the
 * order matters. The handler runs in the same turn when nothing is in its way, which is what keeps
 * requests about one process in order. Throws or rejects with what becomes the error reply.
 */
export function answer(
  connection: Connection,
  method: Method,
  request: Pick<IncomingRequest, "params" | "trace">,
): Promise<object> | object {
  const params = decodeParams(schemaOf(requests[method].params), request.params);
  if (method === "process/start") setTrace(params as Params<"process/start">, request.trace);
  // The params were decoded by the schema of this method, which the compiler cannot follow.
  const run = handlers[method] as (connection: Connection, params: unknown) => Promise<object>;
  return connection.once(method, params as Params<Method>, () =>
    connection.ordered(method, params as Params<Method>, () =>
      connection.inTurn(method, params as Params<Method>, (given) => run(connection, given)),
    ),
  );
}
