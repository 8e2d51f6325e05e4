/**
 * Every bound of the system: name with its unit, value, and why that value. Where the value is the
 * reference's (codex 0.169.0), a client may already rely on it.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

// ---- transport

/** The largest WebSocket message, however it is fragmented. The reference's value. */
export const messageBytesMax = 64 * MiB;
/** Deepest nesting of a message. The reference's value; nothing legitimate comes near it. */
export const messageDepthMax = 128;
/** JSON values in one message. The reference's value; keeps a hostile message from costing memory. */
export const messageValuesMax = 262_144;
/** Bytes of requests a connection may have unanswered; more is refused, never silently stalled. */
export const inboundBytesMax = 256 * MiB;
/** Requests a connection may have unanswered. 20,000 pipelined requests are legitimate. */
export const inboundRequestsMax = 65_536;
/** Unsent bytes of a connection above which the processes that add to them are paused. Small, so
 * that a keystroke's echo does not stand behind megabytes of somebody else's output. */
export const outboundBytesHigh = 512 * KiB;
/** Unsent bytes of a connection above which its further requests are refused: a client that asks and
 * never reads must not fill the memory. One answer may be larger. */
export const outboundBytesMax = 256 * MiB;
/** A connection is pinged this often; the reference pings every 30 s and never looks for the pong. */
export const heartbeatIntervalMs = 10_000;
/** Heartbeats in a row that may go unanswered before the connection counts as lost. */
export const heartbeatMissesMax = 2;
/** When somebody wants to resume an attached session, its connection has this long to prove it lives. */
export const resumeProbeMs = 2_000;
/** How long a closing socket may take to finish its handshake at shutdown before it is cut. */
export const shutdownGraceMs = 500;

// ---- sessions

/** A session without a connection lives this long. The reference's value, measured. */
export const sessionTtlMs = 80_000;

// ---- processes

/** Raw bytes in one chunk of output. The reference's value; readers page by whole chunks. */
export const outputChunkBytesMax = 8 * KiB;
/** Newest output of a process kept in memory for `process/read`. The reference's value. */
export const retainedOutputBytesMax = 1 * MiB;
/** Chunks kept besides: a process that prints byte by byte must not cost a hundred times its output. */
export const retainedOutputChunksMax = 50_000;
/** A closed process stays readable, and its id taken, this long. The reference's value, measured. */
export const closedProcessTtlMs = 80_000;
/** Bytes waiting for a process that does not read its stdin; a write beyond is answered when there is
 * room again, or when the process ends. */
export const stdinQueueBytesMax = 1 * MiB;
/** After a kill, how long the end of the output may take to be read before it is given up: what the
 * pipes hold is read in a millisecond, and only a stranger who holds one open makes it last longer. */
export const killedOutputDrainMs = 100;
/** Bytes read from a pipe or terminal at once; a pipe of Linux holds as many. */
export const outputReadBytesMax = 64 * KiB;
/** A start that takes longer hangs in the system (a dead mount); others stop waiting for it. */
export const launchStallMs = 1_000;
/** How often processes are looked at whose end the kernel cannot announce for want of descriptors. */
export const exitScanIntervalMs = 50;
/** Processes looked at in one turn of the event loop when a tree is searched: about a millisecond. */
export const processScanSliceMax = 300;
/** Passes over all processes to stop a tree that goes on forking; two or three find the last one. */
export const treeStopPassesMax = 20;
/** How long killed processes may take to vanish before they are reported as survivors. */
export const treeKillGraceMs = 1_000;
/** The process that cleans up after this server's death is started anew this often. */
export const keeperRestartsMax = 10;
/** Write ids a process remembers, to apply a repeated write once. The reference's value. */
export const writeIdsRememberedMax = 4096;
/** Largest delay a timer of Node takes; a longer one would fire at once. */
export const timerMsMax = 2 ** 31 - 1;
/** Rows and columns of a terminal whose starter names none. The kernel's and the reference's value. */
export const terminalSizeDefault = { rows: 24, cols: 80 };

// ---- file system

/** Largest file that `fs/readFile` gives in one answer. The reference's value. */
export const readFileBytesMax = 512 * MiB;
/** Bytes in one `fs/readBlock` or `fs/writeBlock`. The reference's value. */
export const fileBlockBytesMax = 1 * MiB;
/** Files a connection may have open. The reference's value. */
export const fileHandlesMax = 128;
/** Bytes of a file handle's id. The reference's value. */
export const fileHandleIdBytesMax = 32;
/** Largest limits that `fs/walk` may be given. The reference's values. */
export const walkDepthMax = 64;
export const walkDirectoriesMax = 10_000;
export const walkEntriesMax = 50_000;
/** Bytes of the answer of `fs/walk`, after which it is truncated. The reference's value. */
export const walkAnswerBytesMax = 4 * MiB;
/** File calls that one operation on many files has in flight: enough for the four threads of Node's
 * pool, few enough that another request's call does not wait long behind them. */
export const fileCallsInParallel = 4;
/** Bytes read at once of a file that does not tell its size, such as those of procfs. */
export const procFileChunkBytes = 64 * KiB;
/** Bytes copied at once of a file; small, so that copies in parallel stay cheap. */
export const copyChunkBytes = 1 * MiB;
/** Paths in one `fs/watchMissing`: each may cost a watch, of which the kernel gives few thousands. */
export const watchedPathsMax = 1024;
/** Times that `fs/watchMissing` sets its watches anew because directories came while it did. */
export const watchTriesMax = 8;
