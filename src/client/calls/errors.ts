/**
 * What the library throws: an `RpcError` with the code of the protocol for what the executor
 * answered, and a `ConnectionError` for a failed connection. Names are written out, because a
 * program that is minified has other names for its classes.
 */
import { errorCodes, RpcError, toRpcError } from "../../protocol/errors.ts";

/** The request is not possible now: wrong state, unknown id, refused path. Code -32600. */
export class InvalidRequestError extends RpcError {
  override name = "InvalidRequestError";
}

/** The executor does not know the method: it is older than this library. Code -32601. */
export class MethodNotFoundError extends RpcError {
  override name = "MethodNotFoundError";
}

/** The executor does not accept the arguments. Code -32602. */
export class InvalidParamsError extends RpcError {
  override name = "InvalidParamsError";
}

/** The operation was tried and failed, with the system's reason. Code -32603. */
export class OperationFailedError extends RpcError {
  override name = "OperationFailedError";
}

/** The path does not exist. Code -32004. */
export class NotFoundError extends RpcError {
  override name = "NotFoundError";
}

/** The session is attached to another connection that is alive. Code -32010. */
export class SessionAttachedError extends RpcError {
  override name = "SessionAttachedError";
}

/** The executor could not be reached, or the connection broke while the answer was awaited. */
export class ConnectionError extends Error {
  override name = "ConnectionError";
  /** Whether another attempt may succeed. Default true. */
  readonly retryable: boolean;

  constructor(message: string, options: ErrorOptions & { readonly retryable?: boolean } = {}) {
    super(message, options);
    this.retryable = options.retryable ?? true;
  }
}

/** The executor closed the connection because a message of this client exceeded its limit. */
export class MessageTooLargeError extends ConnectionError {}

/** Whether a call failed only with its connection, so that it may succeed over another one. */
export const isTemporary = (error: unknown) => error instanceof ConnectionError && error.retryable;

/**
 * The session was closed here or could not be resumed: nothing more is heard of its processes. They
 * are gone, or end with the session; after `detach()` another client may resume that.
 */
export class SessionLostError extends ConnectionError {
  override name = "SessionLostError";

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { ...options, retryable: false });
  }
}

/** The stdin of the process is closed: nothing can be written any more. */
export class StdinClosedError extends Error {
  constructor(processId: string) {
    super(`stdin of process ${processId} is closed: the process was started without a stdin, or \
closed it, or has ended`);
    this.name = "StdinClosedError";
  }
}

const classes = new Map<number, typeof RpcError>([
  [errorCodes.invalidRequest, InvalidRequestError],
  [errorCodes.methodNotFound, MethodNotFoundError],
  [errorCodes.invalidParams, InvalidParamsError],
  [errorCodes.internal, OperationFailedError],
  [errorCodes.notFound, NotFoundError],
  [errorCodes.sessionAttached, SessionAttachedError],
]);

/** Makes an error of the class that belongs to `code`; a plain `RpcError` for an unknown code. */
export function errorOfCode(code: number, message: string, options?: ErrorOptions): RpcError {
  return new (classes.get(code) ?? RpcError)(code, message, options);
}

/**
 * Converts errors of the system and plain `RpcError`s, remote or local, to the library's classes
 * with the code of the protocol. Returns anything else as it is.
 */
export function libraryError(thrown: unknown): unknown {
  const isRpc = thrown instanceof RpcError;
  if (isRpc ? thrown.constructor !== RpcError : !isOfSystem(thrown)) return thrown;
  const { code, message } = toRpcError(thrown);
  return errorOfCode(code, message, { cause: thrown });
}

const isOfSystem = (thrown: unknown) =>
  thrown instanceof Error && "errno" in thrown && "code" in thrown;
