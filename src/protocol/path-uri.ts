/**
 * Paths on the wire are `file:` URIs; paths on a Linux host are bytes. A host path is kept in a string
 * with one char per byte, so that names which are not UTF-8 survive and the usual string functions
 * work; `nodePath` turns it into what node:fs takes. No package is imported: the fs-helper uses it.
 */

/** A path of this host, one char per byte. */
export type HostPath = string & { readonly bytes: unique symbol };

/** Why `uri` is no path URI at all, or undefined when it is one. */
export declare function pathUriComplaint(uri: string): string | undefined;

/** The path that `uri` means on this host. Throws an invalid-request RpcError for a foreign one. */
export declare function hostPath(uri: string): HostPath;

/** The canonical URI of a path of this host. */
export declare function pathUriOf(path: HostPath): string;

/** What functions of node:fs take for this path. */
export declare function nodePath(path: HostPath): string | Buffer;
