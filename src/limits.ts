/**
 * Every bound of the system: name with its unit, value, and why that value. Where the value is the
 * reference's (codex 0.169.0), a client may already rely on it.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

// ---- transport

/** The largest WebSocket message, however it is fragmented. The reference's value. */
export const messageBytesMax = 64 * MiB;
/** The largest message that the WebSocket library can bound, whatever the operator allows. */
export const libraryMessageBytesMax = 2 ** 31 - 1;
/** Deepest nesting of a message. The reference's value; nothing legitimate comes near it. */
export const messageDepthMax = 128;
/**
 * JSON values in one message. The reference's value; keeps a hostile message from costing memory.
 */
export const messageValuesMax = 262_144;
/**
 * Bytes of unanswered requests of a connection; a request beyond that is answered with an error.
 */
export const inboundBytesMax = 256 * MiB;
/** Unanswered requests of a connection. 20,000 pipelined requests are legitimate. */
export const inboundRequestsMax = 65_536;
/** Unsent bytes of a connection above which the processes that add to them are paused. */
export const outboundBytesHigh = 512 * KiB;
/**
 * Unsent bytes of one process that never pause it, however much of others is unsent: so a terminal
 * still echoes while a flood keeps the line busy.
 */
export const laneBytesFree = 16 * KiB;
/** Bytes that one lane of messages sends on a slow line before the next lane has its turn. */
export const laneTurnBytes = 8 * KiB;
/** Bytes written to a connection at once: 64 KiB of output in base64, in frames of 8 KiB each. */
export const sendBytesMax = 96 * KiB;
/**
 * Bytes that the kernel may queue for a connection beyond those in flight (TCP_NOTSENT_LOWAT): the
 * least, for a slow line, and the most, for a fast one. On its own the kernel queues 0.1 to 4 MiB,
 * which take many seconds on a slow line and cannot be overtaken. With less than a large message it
 * wakes the server many times for each. On a slow line this is also what is written at once.
 */
export const kernelUnsentBytesMin = 12 * KiB;
export const kernelUnsentBytesMax = 4 * MiB;
/** A write should leave within this time; when it takes longer, the kernel's share is reduced. */
export const sendMs = 50;
/** Bytes that TLS gets at once: until the kernel takes them, it keeps a copy of its own. */
export const tlsPieceBytes = 256 * KiB;
/** Blocks of `sendBytesMax` kept for the next writes; only slow readers need more than one. */
export const spareSendBlocksMax = 4;
/**
 * Size of a buffer for a large message, kept because getting new pages takes as long as filling
 * them: a file block of 1 MiB in base64 fits. Smaller messages than the least do not use one.
 */
export const largeSendBytesMin = 512 * KiB;
export const largeSendBytesMax = 1536 * KiB;
/** Buffers of `largeSendBytesMax` kept: as many blocks as a client asks for at once. */
export const spareLargeSendsMax = 8;
/**
 * Sizes of inbound frames that are gathered before the library sees them. Smaller frames come in
 * one read or two; for larger ones, gathering is a small part of the cost.
 */
export const gatheredFrameBytesMin = 128 * KiB;
export const gatheredFrameBytesMax = 16 * MiB;
/** Largest cut text that is kept and copied with each further piece until it is whole. */
export const heldFrameBytesMax = 4 * KiB;
/** Messages of one read after which other connections have their turn. */
export const messagesInTurnMax = 128;
/** Memory of all frames being gathered; beyond it the library gathers them, within its bounds. */
export const claimedFrameBytesMax = 64 * MiB;
/** Size of a buffer for a gathered frame, kept for the next: 1 MiB in base64 fits. */
export const frameMemoryBytes = 1536 * KiB;
/** Buffers of `frameMemoryBytes` kept: a client that sends block after block needs one. */
export const spareFramesMax = 2;
/**
 * Unsent bytes of a connection above which its further requests are refused: a client that asks and
 * never reads must not fill the memory. One answer may be larger.
 */
export const outboundBytesMax = 256 * MiB;
/**
 * Bytes of errors that may be unsent beyond `outboundBytesMax`: enough to refuse every unanswered
 * request. A client that goes on sending and reads none of them is cut off.
 */
export const unreadErrorBytesMax = 16 * MiB;
/**
 * Unsent and expected bytes of a connection above which requests for more of them wait: enough to
 * keep a fast line busy, little enough that slow readers do not fill the memory.
 */
export const outboundBytesHold = 64 * MiB;
/**
 * The same for all connections together: fifty clients that stopped reading must not fill the
 * memory. Clients that do read still have room for one answer, or for `outboundBytesHoldFree`.
 */
export const outboundBytesHoldTotal = 256 * MiB;
/** Bytes one connection may hold whatever the others hold: enough blocks to keep a line busy. */
export const outboundBytesHoldFree = 4 * MiB;
/**
 * How long the event loop stays awake for the next request of a client that sends one after the
 * other: twice the time between two such requests on one machine.
 */
export const busyPollMs = 0.25;
/** Requests closer together than this are pipelined: they did not wait for each other's answers. */
export const pipelinedGapMs = 0.03;
/**
 * After this time other requests no longer wait for room that a large file request has reserved: it
 * may hang in a dead mount, and even a hundred such must not hold up the next request for long.
 */
export const bulkStallMs = 50;
/**
 * A connection is pinged this often; the reference pings every 30 s and never looks for the pong.
 */
export const heartbeatIntervalMs = 10_000;
/** Heartbeats in a row that may go unanswered before the connection counts as lost. */
export const heartbeatMissesMax = 2;
/** Characters of a `clientId`. */
export const clientIdCharsMax = 128;
/** When another client resumes an attached session, the old connection has this long to answer. */
export const resumeProbeMs = 2_000;

// ---- the server as a whole

/** How long a closing socket may take to finish its handshake at shutdown before it is cut. */
export const shutdownGraceMs = 500;
/** How long sessions may take at shutdown to kill their processes before the spawner kills them. */
export const sessionsCloseMs = 2_000;
/** How long the whole stop may take: more than all that it waits for, each of which has a bound. */
export const stopMsMax = 15_000;
/**
 * Uncaught errors within `uncaughtWindowMs` after which the server stops: a single one harms one
 * request, but many mean a broken state that does not mend itself.
 */
export const uncaughtErrorsMax = 100;
export const uncaughtWindowMs = 10_000;
/** How long after its start a server begins work that nobody waits for, such as saving memory. */
export const startSettledMs = 20;
/**
 * Descriptors that must be free to load a library: one for each of its files that is being read.
 */
export const libraryDescriptors = 8;

/**
 * A timer that is this late shows that the whole program stood still (SIGSTOP, a suspended
 * machine); under load, timers are late by some tens of milliseconds.
 */
export const standstillMsMin = 250;
/**
 * Turns of the event loop that a late timer waits, so that input that came in time is read before
 * the timer decides that none came. Each turn reads from 64 processes and from all connections.
 */
export const looksBeforeGivingUp = 16;

/** How often the server checks whether it is idle and can return memory to the system. */
export const idleLookIntervalMs = 10_000;
/**
 * Checks in a row that find the server busy, after which free memory is returned all the same. A
 * thread walks the heap for that, and allocations wait for some milliseconds meanwhile.
 */
export const busyLooksMax = 6;
/** A server counts as idle when its event loop was busy for at most this share of the time. */
export const idleLoopShareMax = 0.01;
/**
 * Growth of what JavaScript takes, dead or not, from which a collection pays: it stops an idle
 * server for some 20 ms, and V8 itself lets 32 MiB of buffers die before it begins one.
 */
export const collectedBytesMin = 16 * MiB;
/** Least memory freed since the last check that is worth returning. */
export const returnedBytesMin = 1 * MiB;
/**
 * Idle checks in a row after which everything the last work left behind has expired: closed
 * processes and detached sessions stay for 80 s. Without a collection then, output that was still
 * kept at the first idle check left 20 MiB for ever.
 */
export const expiredLooks = 10;

// ---- sessions

/** A session without a connection lives this long. The reference's value, measured. */
export const sessionTtlMs = 80_000;
/** Request ids that a session remembers, so that a repeated request is not carried out twice. */
export const requestIdsRememberedMax = 4096;

// ---- processes

/** Raw bytes in one chunk of output. The reference's value; readers page by whole chunks. */
export const outputChunkBytesMax = 8 * KiB;
/** Newest output of a process kept in memory for `process/read`. The reference's value. */
export const retainedOutputBytesMax = 1 * MiB;
/**
 * Chunks of a process kept in memory: one that prints byte by byte must not cost a hundred times
 * its output.
 */
export const retainedOutputChunksMax = 50_000;
/**
 * Older output of a process kept on disk: what a long build prints while a client is away. Then the
 * oldest is dropped.
 */
export const spilledOutputBytesMax = 256 * MiB;
/** Older output of all processes of the server on disk. */
export const spilledOutputTotalBytesMax = 4 * GiB;
/**
 * While a client receives the output, its spill file does not grow beyond this, which is far more
 * than can be in buffers when a connection breaks. New pages of a file cost the kernel ten times as
 * much as rewritten ones, which halved the throughput of a flood.
 */
export const receivedOutputBytesMax = 32 * MiB;
/**
 * A process with no more output than this has all of it kept, even when its client has confirmed
 * it: a client that resumes the session sees the command from its beginning. Of a process that
 * prints more it sees the newest output.
 */
export const confirmedOutputBytesMax = 8 * MiB;
/**
 * Bytes between the pings that ask a client how far it has come: often enough that unconfirmed
 * output fits into memory, and seldom enough that the pongs cost nothing.
 */
export const receiptIntervalBytes = 256 * KiB;
/**
 * Such pings that may be unanswered: enough for `unconfirmedOutputBytesMax`. Twice as many are
 * still fewer than the 60 waiting pongs at which `ws` cuts the connection of a client that uploads
 * on a slow line.
 */
export const unansweredReceiptsMax = 24;
/**
 * Smallest window of bytes in flight to a client; beyond the window only small messages are sent.
 * It is a third of a second at 100 KB/s, and no less than a few messages of output.
 */
export const sentInFlightBytesMin = 32 * KiB;
/** Marks in one window of bytes in flight: with fewer, output would go out in bursts. */
export const marksInFlight = 4;
/** Most bytes between two marks, so that a fast line is not slowed by their answers. */
export const markIntervalBytesMax = 4 * MiB;
/**
 * How long a client may leave all marks unanswered before it is served without a window: it may not
 * answer pings, or hold back its answers until it has read again what it dropped.
 */
export const markAnswerMs = 5_000;
/** Older output of a process that may wait in memory, not on disk, for the client to confirm it. */
export const unconfirmedOutputBytesMax = 4 * MiB;
/** Questions per process whose place in its output is remembered; the oldest are forgotten. */
export const receiptMarksMax = 64;
/** Newest output of all closed processes of the server kept in memory; the oldest goes to disk. */
export const closedOutputBytesMax = 64 * MiB;
/** Output goes to disk in blocks of this size: one system call each, each in a place of its own. */
export const spillBlockBytes = 256 * KiB;
/** Blocks of memory kept for the next writes: with fresh ones the kernel clears page after page. */
export const spareSpillBlocksMax = 16;
/** Bytes of one process that wait for the disk, above which the process is paused. */
export const spillQueueBytesMax = 8 * MiB;
/** Output of a process after which a disk that had no room for it is asked again. */
export const spillRetryBytes = 4 * MiB;
/** Raw output in one answer of `process/read`, whatever is asked for: as base64 it stays below the
 * 16 MiB that common WebSocket libraries take in one frame. */
export const readAnswerBytesMax = 8 * MiB;
/** Chunks in one answer. With five JSON values each they stay below `messageValuesMax`. */
export const readAnswerChunksMax = 50_000;
/**
 * The search for processes that hold the output of an exited process open is repeated at most this
 * often, because it looks at every open file of the machine.
 */
export const holderScanIntervalMs = 1_000;
/** Open files looked at in one turn of the event loop: about two milliseconds. */
export const holderScanSliceMax = 500;
/** Retained output read at once when it is pushed to a client that resumed its session. */
export const catchUpPageBytes = 256 * KiB;
/**
 * A closed process stays readable, and its id taken, this long. The reference's value, measured.
 */
export const closedProcessTtlMs = 80_000;
/**
 * How long it stays when an attached client has not confirmed its output, because it reads slowly
 * or has dropped events that it will ask for later. Output that is never read must end some time.
 */
export const unconfirmedOutputTtlMs = 15 * 60_000;
/**
 * Bytes waiting for a process that does not read its stdin; a write beyond is answered when there
 * is room again, or when the process ends.
 */
export const stdinQueueBytesMax = 1 * MiB;
/**
 * How long the end of the output is waited for after a kill. What the pipes hold is read in a
 * millisecond; only a process outside the killed tree that holds one open makes it last longer.
 */
export const killedOutputDrainMs = 100;
/** Bytes read from a pipe or terminal at once; a pipe of Linux holds as many. */
export const outputReadBytesMax = 64 * KiB;
/** Blocks of `outputReadBytesMax` kept for the next reads: what a few floods free at once. */
export const spareReadBlocksMax = 32;
/** Most bytes that a thread reads ahead from a terminal: more saves calls but delays output. */
export const readAheadBytesMax = 256 * KiB;
/** How long one read ahead should take: output waits that long before it is sent. */
export const readAheadMs = 5;
/**
 * A flood is over when a read ahead brings less than this, which is what a Linux terminal holds.
 */
export const floodBytesMin = 4 * KiB;
/** Size of a pipe whose program floods, instead of the 64 KiB of Linux. */
export const floodPipeBytes = 256 * KiB;
/** Terminals that are read ahead at the same time: the other threads are there for file calls. */
export const readAheadsMax = 4;
/** Buffers kept for reading ahead: while one is sent, the next is filled. */
export const spareReadAheadsMax = 2;
/**
 * Added to `oom_score_adj` of what a client starts, in thousandths of the memory: the process
 * counts as that much larger when the kernel looks for one to kill. The server takes some hundred
 * megabytes, less than half the memory even in a container with 256 MiB.
 */
export const startedOomScore = 500;
/** A start that takes longer hangs in the kernel, on a dead mount; others stop waiting for it. */
export const launchStallMs = 1_000;
/**
 * Starts under way at the same time while one hangs: more than there are threads for them, and
 * fewer than the 256 asynchronous calls beyond which koffi throws.
 */
export const launchesMax = 64;
/**
 * Turns of the event loop between two starts while more are waiting. The loop is awake in these
 * turns, and other requests wait 0.31 ms behind 32 starts; with ten turns they wait 0.39 ms, for 7
 * % more starts.
 */
export const turnsBetweenStarts = 50;
/** How often processes are polled for their end when there is no descriptor to be told of it. */
export const exitScanIntervalMs = 50;
/**
 * How often a server that is process 1 looks for dead orphans to reap. Its own children are reaped
 * long before.
 */
export const orphanLookMs = 1_000;
/**
 * Processes looked at in one turn of the event loop when a tree is searched: about a millisecond.
 */
export const processScanSliceMax = 300;
/**
 * Passes over all processes to stop a tree that goes on forking; two or three find the last one.
 */
export const treeStopPassesMax = 20;
/** How long killed processes may take to vanish before they are reported as survivors. */
export const treeKillGraceMs = 1_000;

/** How often work is tried again that found no free descriptor. */
export const descriptorPollMs = 2;
/** Times that the keeper, which cleans up after this server's death, is restarted when it dies. */
export const keeperRestartsMax = 10;
/**
 * How long the server's shutdown waits for the keeper. File writes that it has not finished by then
 * are left to the next server.
 */
export const keeperCloseMs = 3_000;
/**
 * How long the keeper lets `finish-writes` run, which gives up by itself after `finishWritesMs` if
 * it could start at all.
 */
export const keeperWorkMs = 10_000;
/** How often a terminal is polled that no process has open while its session leader lives. */
export const terminalLookIntervalMs = 20;
/** How long `script`, where it stands in for a terminal, may take to end after its program. */
export const terminalCopyGraceMs = 200;
/** Named pipes made by one run of mkfifo, where pipes cannot be made otherwise. */
export const fifoBatchMax = 48;
/** Write ids a process remembers, to apply a repeated write once. The reference's value. */
export const writeIdsRememberedMax = 4096;
/** Most rows and columns of a terminal: the kernel has 16 bits for each. */
export const terminalLinesMax = 65_535;
/** Largest delay a timer of Node takes; a longer one would fire at once. */
export const timerMsMax = 2 ** 31 - 1;
/**
 * Rows and columns of a terminal whose starter names none. The kernel's and the reference's value.
 */
export const terminalSizeDefault = { rows: 24, cols: 80 };

// ---- file system

/**
 * Largest file that `fs/readFile` gives; the reference gives 512 MiB. A client in JavaScript reads
 * the answer as one string, which holds the base64 of hardly 384 MiB.
 */
export const readFileBytesMax = 380 * MiB;
/** Bytes in one `fs/readBlock` or `fs/writeBlock`. The reference's value. */
export const fileBlockBytesMax = 1 * MiB;
/** Blocks of memory kept for the next `fs/readBlock`; one is enough unless a disk is slow. */
export const spareBlocksMax = 2;
/**
 * Bytes turned into base64 at once, a multiple of three. The text fits into V8's young generation,
 * where dropping it costs nothing.
 */
export const base64PieceBytes = 48 * KiB;
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
/**
 * File calls that one operation on many files has in flight: a quarter of the 32 threads, so that
 * another request's call does not wait long behind them.
 */
export const fileCallsInParallel = 8;
/**
 * Directories that one operation fills or empties at the same time. Within one directory there is
 * little to gain: the kernel locks it while it makes or removes a file.
 */
export const directoriesInParallel = 4;
/** An operation on a tree that takes longer than this is helped by file threads. */
export const smallTreeMs = 5;
/** Fewest files of one directory that are worth handing to a file thread: 0.3 ms of work. */
export const handedFilesMin = 12;
/** Most files handed over at once: 20 ms of work, finished even after a failure elsewhere. */
export const handedFilesMax = 500;
/** File threads of the server: each takes some megabytes, and all write to the same disk. */
export const fileThreadsMax = 3;
/** Pieces of work queued for one file thread, so that it never waits for the event loop. */
export const fileThreadQueueMax = 3;
/** A file thread without work for this long ends; starting one takes 25 ms. */
export const fileThreadIdleMs = 2_000;
/** How long no file thread is started after one has failed; by then the cause may have passed. */
export const fileThreadsRestMs = 30_000;
/**
 * Descriptors that must be free before a file thread is started. It takes seven; the others are
 * left to the server's clients, who come first.
 */
export const fileThreadDescriptors = 64;
/** How long the server's shutdown waits for file threads; one may be stuck on a dead disk. */
export const fileThreadsCloseMs = 500;
/** Young generation of a file thread's heap: it only makes names, which die at once. */
export const fileThreadYoungHeapMiB = 4;
/**
 * How long one turn of the event loop may spend on synchronous file calls: no other request waits
 * longer behind a copied tree. A turn itself costs a hundredth of that.
 */
export const directSliceMs = 2;
/**
 * Longest time that handing a call to a thread and back takes. Kinds of calls that take longer than
 * this on the event loop are handed over, because several cores can then make them at once.
 */
export const handOverMs = 0.1;
/** Calls over which the usual time of their kind is averaged. */
export const callsRemembered = 8;
/**
 * One in so many handed-over calls is made on the event loop, to see whether that is faster now.
 */
export const handedOverMax = 32;
/** The same for bursts, each of which makes many calls. */
export const burstTriedEvery = 4;
/** A file call that takes longer than this shows that the disk is slow. */
export const slowCallMs = 20;
/**
 * Time added to `slowCallMs` for each entry of a listed directory: of 10,000 entries each takes 1
 * to 2 microseconds, and three on a busy machine. Otherwise a large directory looked like a slow
 * disk and sent the rest of a walk to threads, which took 1.3 times as long.
 */
export const listedEntryMs = 0.005;
/** Most time added for entries: what takes longer is better listed on a thread the next time. */
export const listingMsMax = 50;
/** After a slow call, calls go to threads for this many times its duration: a tenth of the loop. */
export const slowDiskPauseRatio = 10;
/** Largest piece of a file read or written on the event loop: some 100 microseconds. */
export const directBytesMax = 1 * MiB;
/** Bytes read at once of a file that does not tell its size, as in procfs. */
export const procFileChunkBytes = 64 * KiB;
/** A file below this is copied in one go: some 50 microseconds. */
export const smallCopyBytesMax = 64 * KiB;
/** Bytes copied at once of a file; small, so that copies in parallel stay cheap. */
export const copyChunkBytes = 1 * MiB;
/**
 * Bytes of a journal file that are kept for its next record: 8 MiB of content and its description.
 * Writing into new pages takes three times as long.
 */
export const journalKeptBytes = 8 * MiB + 64 * KiB;
/** Journal files kept for the next records, each at most `journalKeptBytes` long. */
export const spareSlipsMax = 2;
/**
 * Age of a record after which its server, when it was in another container, counts as dead: such a
 * server cannot be seen from here, and a write takes far less time.
 */
export const foreignJournalMs = 10_000;
/** A file that changed this much later than a record of it was changed by somebody else. */
export const unfinishedWriteMs = 60_000;
/**
 * Resolution of file times, two seconds on FAT. A file that changed longer than this before its
 * record was made was not changed by the recorded write.
 */
export const fileTimeSlackMs = 2_000;
/** Bytes of a record's description, which holds an escaped path of up to 4 KiB. */
export const journalEntryBytesMax = 64 * KiB;
/** Symbolic links on a way before it counts as a circle. The kernel's value. */
export const linksFollowedMax = 40;
/** Times that a path is looked up again when it changes between two looks. */
export const placeLooksMax = 5;
/** How long the server's shutdown waits for file writes under way. */
export const journalCloseMs = 1_000;
/** How long another server may take to write 33 bytes of memory, which it does at once. */
export const secretFillMs = 50;
/** How often a starting server checks whether another one has finished a dead server's writes. */
export const finisherLookMs = 20;
/**
 * How long a starting server may take to finish a dead server's writes, or waits for another one
 * that does: a dead mount must not block it for ever. The next server tries again what is left.
 */
export const finishWritesMs = 5_000;
/** Calls under way to one mount that may hang: three such mounts leave some of the 32 threads. */
export const remoteCallsMax = 8;
/**
 * Greatest age of the list of mounts that decides whether a file call may block the event loop: a
 * mount that appears and hangs within that time could. Asking whether the list has changed takes 4
 * microseconds, reading it 50.
 */
export const mountTableMs = 5;
/** Paths in one `fs/watchMissing`: each may cost a watch, of which the kernel gives thousands. */
export const watchedPathsMax = 1024;
/** Times that `fs/watchMissing` sets its watches anew because directories came while it did. */
export const watchTriesMax = 8;
/** Changes heard in one turn after which some may be lost: Linux queues 16,384 for a process. */
export const watchEventsInTurnMax = 1_000;

// ---- access

/** Bytes of a certificate chain, key or token file: hundreds of times what they have. */
export const smallFileBytesMax = 1 * MiB;
/** How often it is looked whether the writer of a pipe in place of such a file has written. */
export const pipeLookMs = 20;

/** How often the files of certificate, key and token are checked for changes. */
export const followedFilesLookMs = 5_000;
/** How long after that they are read: certificate and key are replaced one after the other. */
export const followedFilesSettleMs = 1_000;

/** Refused tokens of one address within `failedAttemptsWindowMs` after which it has to wait. */
export const failedAttemptsMax = 20;
export const failedAttemptsWindowMs = 60_000;
/** Addresses whose refused tokens are counted at once; the oldest is forgotten for a new one. */
export const failedAddressesMax = 10_000;
/** A client has this long for its TLS handshake, and this long to send the head of its request. */
export const requestHeadMs = 10_000;
/** How often clients that take longer for the head are looked for. */
export const requestHeadLookMs = 2_500;
/**
 * Connections that are not WebSockets yet; for each further one an old one is cut. Several times as
 * many as the kernel hands over at once when all clients come back after an outage.
 */
export const newcomersMax = 2_048;
/** They may also take at most one in so many of the files that the server may have open. */
export const newcomersShareOfFiles = 4;
/** After this long without a cut the next one is logged again. */
export const newcomersQuietMs = 60_000;
/** Characters that logs show of an id chosen by a client, and of a trace. */
export const loggedIdCharsMax = 128;
/** Characters that logs show of a request's id, and of the name that a client gives itself. */
export const loggedNameCharsMax = 64;
/** Characters of one text in the audit log, such as a path; what is longer is cut. */
export const auditTextCharsMax = 4096;
/**
 * Bytes read at the end of an audit log to continue it: more than its last whole line and a torn
 * one can have together.
 */
export const auditTailBytes = 512 * KiB;
/** Bytes of log lines that wait for a slow stderr; further lines are dropped. */
export const logBacklogBytesMax = 1 * MiB;
/** After this long without room in stdout for the URL the log tells it. */
export const unreadUrlMs = 1_000;
/** How long log lines wait before a full, non-blocking stderr is tried again. */
export const fullStderrWaitMs = 100;

// ---- client

/** How long opening a WebSocket may take. The reference's value. */
export const clientConnectTimeoutMs = 10_000;
/** How long the answer to `initialize` may take. The reference's value. */
export const clientInitializeTimeoutMs = 10_000;
/** The largest message a client takes: a JavaScript string can hold no more. */
export const clientMessageBytesMax = 512 * MiB - 64;
/** A client without connection tries again at once and then this often. The reference's value. */
export const reconnectIntervalMs = 100;
/**
 * Times that a call is repeated, or that an upload, whose handle goes with the connection, is begun
 * anew or goes on without getting further: one that breaks every connection must end some day.
 */
export const callRepeatsMax = 100;
/** How long it goes on trying. The reference's value, below the 80 s that a session waits. */
export const reconnectWindowMs = 45_000;
/** Base64 of events that came before their turn, above which the rest is read again later. */
export const earlyEventBytesMax = 4 * MiB;
/** Raw bytes of output asked for at once when a gap is filled: at first, so that a connection which
 * breaks often brings them, and in the end, so that a long way costs few round trips. */
export const gapReadBytesMin = 32 * KiB;
export const gapReadBytesMax = 1 * MiB;
/** Raw bytes of output that wait for the reader of a process; the rest stays with the executor. */
export const outputQueueBytesMax = 64 * MiB;
/** Raw bytes of one `process/write` of the library; small, so that others get their turn. */
export const stdinPieceBytes = 64 * KiB;
/** Unanswered writes of one process: enough to fill a long line, few enough to bound memory. */
export const stdinWritesInFlightMax = 32;
/**
 * Characters of a request from which on it waits until the line has taken those before it; what is
 * shorter, such as a pasted text, is on its way before anybody notices.
 */
export const bulkMessageCharsMin = 32 * KiB;
/** Such requests on their way above which no other one follows, at first and on a slow line. */
export const bulkInFlightCharsMin = 64 * KiB;
/**
 * How long a line may be busy with such requests that are on their way: what is urgent waits behind
 * them, and each burst must last until the next one can follow.
 */
export const bulkDelayMs = 250;
/**
 * A line that stays busy is let run empty after so many times what a mark may take, to measure the
 * way there and back; as long nothing is on it. Where the window has shrunk to half it is so at
 * once.
 */
export const wayLookDelays = 100;
/** Bytes of a streamed HTTP body that wait for its reader. The reference's value. */
export const bodyQueueBytesMax = 16 * MiB;
/** Bytes above that which may be on their way when a body is paused; more fails it. */
export const bodyOverflowBytesMax = 1 * MiB;
/** How long a client that closes waits for the executor to end its session. */
export const sessionEndWaitMs = 2_000;
/** How often it is looked whether bytes move on a connection that is being closed. */
export const closingLookIntervalMs = 750;
/**
 * Looks in a row that find nothing move, after which it is cut. One would not do: it may come right
 * after the program itself was busy for so long.
 */
export const closingLooksMax = 2;
/**
 * Bytes that the library writes to a file at once, so that a sudden end leaves the old content or
 * the new: more than people edit. More goes in blocks, between which others get their turn.
 */
export const wholeFileBytesMax = 2 * MiB;
/** Files that are written in blocks at once: an executor keeps 128 open for a connection. */
export const uploadsAtOnceMax = 32;
/** Bytes of a block that the library writes, and of one it reads, at first and on a slow line. */
export const uploadBlockBytesMin = 64 * KiB;
export const downloadBlockBytesMin = 32 * KiB;
/** What the line takes in this time is a block, on a faster one up to `fileBlockBytesMax`. */
export const fileBlockMs = 50;
/** What the line brings in this time is asked for at once: a long way costs no round trip each. */
export const downloadInFlightMs = 1_000;
/** ...but no more bytes of a file than these, which wait in memory for a slow reader. */
export const downloadBytesInFlightMax = 4 * MiB;
/** Unanswered bytes of an upload: a long way costs no round trip for each block. */
export const uploadBytesInFlightMax = 4 * MiB;
/** Unanswered blocks of an upload; more would only be of a source that gives crumbs. */
export const uploadBlocksInFlightMax = 64;

// ---- http

/** Redirects that are followed for one request. The reference's value. */
export const httpRedirectsMax = 10;
/**
 * Bytes of one streamed piece of a body. The real client takes no more than 1 MiB in one, and small
 * ones leave room between them for a keystroke's echo.
 */
export const httpDeltaBytesMax = 64 * KiB;
/**
 * Largest body that is handed over in one answer: it is in memory as bytes, as base64 and as frame.
 */
export const bufferedHttpBodyBytesMax = 64 * MiB;
/** Bytes of the headers of a response. Node's 16 KiB are too few for some policies and cookies. */
export const httpHeaderBytesMax = 256 * KiB;
/** Requests and streams a connection may have open; each may hold a socket to a server. */
export const httpExchangesMax = 1024;

// ---- sandbox

/** A helper's program that no server has used for this long is removed. */
export const keptFileUnusedMs = 7 * 24 * 3_600_000;
/** Sandbox objects of one connection whose policies are kept; some KiB each. */
export const sandboxMeaningsMax = 64;
/** Directories of which a confined worker remembers what it may do there: paths of up to 4 KiB. */
export const accessesRememberedMax = 1_000;
/** Sandbox objects of all connections that are remembered as valid and not checked again. */
export const sandboxesRememberedMax = 64;
/** Characters of the JSON of a remembered sandbox object; a larger one is checked each time. */
export const sandboxRememberedCharsMax = 16 * KiB;
/** Times that a sandbox is set up when paths of its policy, or mounts, change meanwhile. */
export const helperStartAttemptsMax = 5;
/** Times that the mount points of a confined process are made when somebody else interferes. */
export const mountPointTriesMax = 5;
/** How long another server may take to remove a mount point that is needed again. */
export const mountPointLeaveMs = 5_000;
/** How often it is looked whether it has. */
export const mountPointPollMs = 1;
/** Bytes an fs-helper reads at once of its input. */
export const helperReadBytes = 256 * KiB;
/** How often an fs-helper tries again when its stdin or stdout was left non-blocking. */
export const helperWaitMs = 5;
/** Bytes of a path and the zero behind it, at most, that the kernel takes. */
export const pathBytesMax = 4096;
/** Bytes of a directory's path from which on that of an entry, of 255 bytes, may be too long. */
export const longDirectoryPathBytes = pathBytesMax - 256;
/** Patterns that the braces of one deny pattern may stand for. */
export const globAlternativesMax = 256;
/** Directory entries looked at for deny patterns before each operation; more fails it. */
export const globScanEntriesMax = 100_000;
/** Paths masked for deny patterns; each costs bwrap a mount. */
export const globMatchesMax = 1_000;
/** How long bwrap may take to show that it works, which takes it milliseconds. */
export const bwrapTrialMs = 5_000;
/** Bytes kept of each output stream of such a trial: bwrap's help has 5,000. */
export const trialOutputBytesMax = 100_000;
/** bwrap's own limit for its arguments, including those that it reads from a descriptor. */
export const bwrapArgumentsMax = 9_000;
/** Bytes of arguments and variables that every kernel accepts: only beyond, its limit is read. */
export const shortArgumentsBytesMax = 96 * KiB;
/** Bytes of a table of mounts that are read at once; more take further reads. */
export const mountTableReadBytes = 16 * KiB;
/** How often bwrap is polled for having mounted everything, which takes it some 4 ms. */
export const bwrapPollMs = 1;
/** How long bwrap's own sign of that is waited for before polling begins. */
export const bwrapSignMs = 20;
/** First interval at which a sandbox is polled for its end; it doubles each time. */
export const sandboxEndPollMs = 1;
/** Longest such interval, for a sandbox that does not end because a disk hangs. */
export const sandboxEndPollMsMax = 1_000;
/** Warm fs-helpers of the whole server; each is a Node process of some 40 MB. */
export const helpersMax = 16;
/** Fs-helpers that share the work of one policy of one connection. */
export const helpersPerPolicyMax = 3;
/** When a request has waited this long for a busy fs-helper, another one is started. */
export const helperCrowdMs = 40;
/** An fs-helper that nobody has asked for this long ends. */
export const helperIdleMs = 60_000;
/** How long an fs-helper may take to start, or a request wait for a place in the pool. */
export const helperStartMs = 10_000;
/** How long one sandboxed file operation may take; copies of large trees take minutes. */
export const helperOperationMs = 300_000;
/**
 * How long the output of a confined process that failed is waited for, to judge whether something
 * was denied. The reference's value.
 */
export const deniedOutputWaitMs = 20;
/**
 * How long the end of a confined process is kept back until its mount points are gone; where their
 * disk hangs they stay.
 */
export const confinementEndMs = 2_000;
/** How long a request for the sandbox's health waits for the first trial of bwrap. */
export const healthWaitMs = 1_000;
/** How long the sandbox's health is cached before bwrap is looked for again. */
export const sandboxHealthMs = 5_000;
/** After this long a machine that could not confine is tried again. */
export const healthRetryMs = 10_000;
/** Bytes that an error tells of what a failed bwrap or fs-helper printed. */
export const complaintBytesMax = 4 * KiB;

// ---- what the doctor wants of the machine; less works for fewer clients

/** Descriptors: three or four for each process that runs, one for each connection. */
export const openFilesWanted = 4096;
/** Processes of the user, who has others besides. */
export const processesWanted = 1024;
/** Free bytes for sandboxes' files and for output that does not fit into memory. */
export const temporaryBytesWanted = 1024 * MiB;

// ---- what an operator may set

/**
 * The bounds that `codex exec-server` takes as options. A request beyond one is refused. Only of
 * output the oldest goes to the disk or is dropped, a message that is too large ends its
 * connection, and an operation that finds no helper first waits `helperStartMs` for one.
 */
export interface Limits {
  readonly sessionsMax: number;
  readonly connectionsMax: number;
  /** Processes of one session that have not been closed. */
  readonly processesMax: number;
  readonly fileHandlesMax: number;
  readonly inboundBytesMax: number;
  readonly messageBytesMax: number;
  readonly retainedOutputBytesMax: number;
  readonly spilledOutputBytesMax: number;
  readonly spilledOutputTotalBytesMax: number;
  readonly httpBodyBytesMax: number;
  readonly helpersMax: number;
}

/** Far above what agents use: a client that leaks gets an error before the machine runs out. */
export const defaultLimits: Limits = {
  sessionsMax: 10_000,
  connectionsMax: 10_000,
  processesMax: 10_000,
  fileHandlesMax,
  inboundBytesMax,
  messageBytesMax,
  retainedOutputBytesMax,
  spilledOutputBytesMax,
  spilledOutputTotalBytesMax,
  httpBodyBytesMax: bufferedHttpBodyBytesMax,
  helpersMax,
};
