/** Errors as they go over the wire. Imports no package, because the fs-helper uses it too. */

export const errorCodes = {
  /** The request is well formed but not possible now: wrong state, unknown id, refused path. */
  invalidRequest: -32600,
  /** No such method. */
  methodNotFound: -32601,
  /** The parameters are not those of the method. */
  invalidParams: -32602,
  /** The operation was tried and failed. */
  internal: -32603,
  /**
   * The path or handle does not exist; used for nothing else, because clients probe for absent
   * files by it.
   */
  notFound: -32004,
  /** The session is attached to another connection that is alive; a later attempt may succeed. */
  sessionAttached: -32010,
} as const;

/** An error that is sent to the peer as it is: code and text. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RpcError";
    this.code = code;
  }
}

export const invalidRequest = (message: string) => new RpcError(errorCodes.invalidRequest, message);
export const invalidParams = (message: string) => new RpcError(errorCodes.invalidParams, message);
export const internalError = (message: string, cause?: unknown) =>
  new RpcError(errorCodes.internal, message, { cause });
export const notFound = (message: string) => new RpcError(errorCodes.notFound, message);

/** Turns anything thrown into the error that the peer gets. The only place that does. */
export function toRpcError(thrown: unknown): RpcError {
  if (thrown instanceof RpcError) return thrown;
  if (isSystemError(thrown)) return systemRpcError(thrown);
  return internalError(`internal error: ${messageOf(thrown)}`, thrown);
}

/** The message of anything thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** Whether the error comes from a system call. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException & { code: string } {
  return thrown instanceof Error && "errno" in thrown && "code" in thrown;
}

/** Maps errors of the system to codes as the reference does: absent, refused, anything else. */
function systemRpcError(error: NodeJS.ErrnoException & { code: string }): RpcError {
  const message = systemErrorText(error.code, error.errno);
  const options = { cause: error };
  switch (error.code) {
    case "ENOENT":
      return new RpcError(errorCodes.notFound, message, options);
    case "EACCES":
    case "EPERM":
    case "EINVAL":
      return new RpcError(errorCodes.invalidRequest, message, options);
    default:
      return new RpcError(errorCodes.internal, message, options);
  }
}

/** The texts of libc that clients and tests know; other codes are given by name. */
const systemErrorTexts: Record<string, string> = {
  E2BIG: "Argument list too long",
  EACCES: "Permission denied",
  EAGAIN: "Resource temporarily unavailable",
  EBADF: "Bad file descriptor",
  EBUSY: "Resource busy",
  EEXIST: "File exists",
  EFBIG: "File too large",
  EINVAL: "Invalid argument",
  EIO: "I/O error",
  EISDIR: "Is a directory",
  ELOOP: "Symbolic link loop",
  EMFILE: "Too many open files",
  ENAMETOOLONG: "Filename too long",
  ENFILE: "Too many open files in system",
  ENODEV: "No such device",
  ENOENT: "No such file or directory",
  ENOEXEC: "Exec format error",
  ENOMEM: "Out of memory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENOTEMPTY: "Directory not empty",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  ETXTBSY: "Text file busy",
  ESPIPE: "Invalid seek",
  EXDEV: "Cross-device link",
};

/**
 * `No such file or directory (os error 2)`: the form in which the reference words system errors.
 */
export function systemErrorText(code: string, errno: number | undefined): string {
  const text = systemErrorTexts[code] ?? code;
  return errno === undefined ? text : `${text} (os error ${Math.abs(errno)})`;
}
