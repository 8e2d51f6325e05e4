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
/** Deepest nesting of a message. The reference's value; nothing legitimate comes near it. */
export const messageDepthMax = 128;
/**
 * JSON values in one message. The reference's value; keeps a hostile message from costing memory.
 */
export const messageValuesMax = 262_144;
/** Bytes of requests a connection may have unanswered; more is refused, never silently stalled. */
export const inboundBytesMax = 256 * MiB;
/** Requests a connection may have unanswered. 20,000 pipelined requests are legitimate. */
export const inboundRequestsMax = 65_536;
/** Unsent bytes of a connection above which the processes that add to them are paused. */
export const outboundBytesHigh = 512 * KiB;
/**
 * Bytes of one process that wait for the line and never pause it: while others keep the line busy,
 * a terminal still echoes.
 */
export const laneBytesFree = 16 * KiB;
/** Bytes that one of those who wait for a slow line may send before the next one has its turn. */
export const laneTurnBytes = 8 * KiB;
/**
 * Bytes written to a connection at once: what 64 KiB of output are as base64, in frames of 8 KiB.
 */
export const sendBytesMax = 96 * KiB;
/**
 * Bytes that the kernel takes of a connection beyond those that are on their way, on a slow line
 * and on a fast one. By itself it takes 0.1 to 4 MiB, which are many seconds that nothing
 * overtakes; with less than a large message it wakes us many times for each. On a slow line as much
 * is written at once.
 */
export const kernelUnsentBytesMin = 12 * KiB;
export const kernelUnsentBytesMax = 4 * MiB;
/** How long a write may wait for the kernel; where it takes longer, the kernel gets less. */
export const sendMs = 50;
/** Blocks of that size kept for the next writes; more than one only where a reader is slow. */
export const spareSendBlocksMax = 4;
/**
 * Memory for one large message that is used again: room for a block of 1 MiB as base64, and for
 * half as much. Getting new pages for it takes as long as filling them.
 */
export const largeSendBytesMin = 512 * KiB;
export const largeSendBytesMax = 1536 * KiB;
/** Pieces of that size kept: as many blocks as a client has asked for at once. */
export const spareLargeSendsMax = 8;
/**
 * Frames of a client that are put together before the library has them: smaller ones come in a read
 * or two, and of larger ones the putting together is the smaller part.
 */
export const gatheredFrameBytesMin = 128 * KiB;
export const gatheredFrameBytesMax = 16 * MiB;
/** A text up to here that is cut is copied with each piece that comes, until it is whole. */
export const heldFrameBytesMax = 4 * KiB;
/** Messages of one read after which other connections have their turn. */
export const messagesInTurnMax = 128;
/** What all frames may claim that have begun and are not there; beyond it the library collects. */
export const claimedFrameBytesMax = 64 * MiB;
/** Memory for one such frame that is used again, with room for a block of 1 MiB as base64. */
export const frameMemoryBytes = 1536 * KiB;
/** Pieces of that size kept: a client that sends block after block needs one. */
export const spareFramesMax = 2;
/**
 * Unsent bytes of a connection above which its further requests are refused: a client that asks and
 * never reads must not fill the memory. One answer may be larger.
 */
export const outboundBytesMax = 256 * MiB;
/**
 * Bytes of errors that are sent beyond `outboundBytesMax`: what refuses all requests that may be
 * unanswered. Who goes on sending without reading any of it is cut off.
 */
export const unreadErrorBytesMax = 16 * MiB;
/**
 * Unsent and expected bytes of a connection above which requests for more of them wait: enough to
 * keep a fast line busy, little enough that slow readers do not fill the memory.
 */
export const outboundBytesHold = 64 * MiB;
/**
 * The same of all connections together: fifty clients that stopped reading must not fill the
 * memory. Those that read on beside them still have room for one answer, or for the next bound.
 */
export const outboundBytesHoldTotal = 256 * MiB;
/** What one connection may hold of them in any case: as many blocks as keep a long line busy. */
export const outboundBytesHoldFree = 4 * MiB;
/**
 * Requests that come closer than this after each other keep the event loop awake for as long: twice
 * what one after the other takes between two processes of one machine.
 */
export const busyPollMs = 0.25;
/** Requests that come closer than this did not wait for each other's answers. */
export const pipelinedGapMs = 0.03;
/**
 * A file request for much that takes longer than this is waited for by no other one: it may hang in
 * a dead mount, and a hundred such must not hold up the next for long.
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
/**
 * When somebody wants to resume an attached session, its connection has this long to prove it
 * lives.
 */
export const resumeProbeMs = 2_000;

// ---- the server as a whole

/** How long a closing socket may take to finish its handshake at shutdown before it is cut. */
export const shutdownGraceMs = 500;
/**
 * How long the sessions may take to kill their processes at shutdown before the server itself does.
 */
export const sessionsCloseMs = 2_000;
/** How long the whole stop may take: more than all that it waits for, each of which has a bound. */
export const stopMsMax = 15_000;
/**
 * Errors that nobody caught within `uncaughtWindowMs` after which the server stops: one is a slip
 * that harms one request, many are a state that does not mend itself.
 */
export const uncaughtErrorsMax = 100;
export const uncaughtWindowMs = 10_000;
/** How long after it can serve a server begins with what only saves memory later. */
export const startSettledMs = 20;
/**
 * Descriptors that must be free to load a library: one for each of its files that is being read.
 */
export const libraryDescriptors = 8;

/**
 * How late a timer is when the whole program stood still. Under load they are some tens of
 * milliseconds late.
 */
export const standstillMsMin = 250;
/**
 * Turns of the event loop in which what has come is read before it is told that something has not
 * come: in each, that of 64 processes and of all connections.
 */
export const looksBeforeGivingUp = 16;

/** How often it is looked whether the server has nothing to do and keeps memory for nothing. */
export const idleLookIntervalMs = 10_000;
/**
 * Looks at a server that is never idle after which free memory is returned all the same: the heap
 * is walked on a thread, and whoever allocates meanwhile waits for some milliseconds.
 */
export const busyLooksMax = 6;
/** Share of that time that the event loop of an idle server works, at most. */
export const idleLoopShareMax = 0.01;
/**
 * Growth of what JavaScript takes, dead or not, from which a collection pays: it stops an idle
 * server for some 20 ms, and V8 itself lets 32 MiB of buffers die before it begins one.
 */
export const collectedBytesMin = 16 * MiB;
/** What must have been freed since the last look for it to be returned. */
export const returnedBytesMin = 1 * MiB;
/**
 * Looks without work after which nothing is left of the processes and sessions that ended by then:
 * they live for 80 s. A flood whose output was still kept at the first left 20 MiB for ever.
 */
export const expiredLooks = 10;

// ---- sessions

/** A session without a connection lives this long. The reference's value, measured. */
export const sessionTtlMs = 80_000;
/** Request ids a session remembers, to do repeated work once; far more than can be unanswered. */
export const requestIdsRememberedMax = 4096;

// ---- processes

/** Raw bytes in one chunk of output. The reference's value; readers page by whole chunks. */
export const outputChunkBytesMax = 8 * KiB;
/** Newest output of a process kept in memory for `process/read`. The reference's value. */
export const retainedOutputBytesMax = 1 * MiB;
/**
 * Chunks kept besides: a process that prints byte by byte must not cost a hundred times its output.
 */
export const retainedOutputChunksMax = 50_000;
/**
 * Older output of a process kept on disk: what a long build prints while a client is away. Then the
 * oldest is dropped.
 */
export const spilledOutputBytesMax = 256 * MiB;
/** The same of all processes of the server. */
export const spilledOutputTotalBytesMax = 4 * GiB;
/**
 * As long as somebody receives the output, the file does not grow beyond this: far more than can be
 * on its way in buffers when a connection breaks. New pages of a file cost the kernel ten times as
 * much as those that are written again, which halved the throughput of a flood.
 */
export const receivedOutputBytesMax = 32 * MiB;
/**
 * Output of a process up to which all of it is kept, although its receiver has confirmed it: who
 * takes the session over sees a command from its beginning. Of one that prints more it gets the
 * newest.
 */
export const confirmedOutputBytesMax = 8 * MiB;
/**
 * Bytes sent to a client between the pings that ask it how far it has come: often enough that what
 * it has not confirmed stays in memory, seldom enough that its pongs cost nothing.
 */
export const receiptIntervalBytes = 256 * KiB;
/**
 * Such pings that may be unanswered: enough for the output that may wait to be confirmed, below,
 * and twice as many are fewer than the 60 pongs at which the `ws` of a client that uploads on a
 * slow line cuts the connection.
 */
export const unansweredReceiptsMax = 24;
/**
 * Bytes on their way to a client above which what is small goes and nothing else, at first and on a
 * slow line: a third of a second at 100 KB/s, and no less than a few messages of output.
 */
export const sentInFlightBytesMin = 32 * KiB;
/** Marks between what may be on its way: with fewer it would go out in bursts. */
export const marksInFlight = 4;
/** Bytes between two of them at most: on a fast line their answers would only cost time. */
export const markIntervalBytesMax = 4 * MiB;
/**
 * How long a client may leave all marks unanswered before it is served without: it may know no
 * pings, or owe an answer until it has read what it let go.
 */
export const markAnswerMs = 5_000;
/** Output of a process beyond the newest that may wait in memory to be confirmed, not on disk. */
export const unconfirmedOutputBytesMax = 4 * MiB;
/** Places up to which a receiver may have come, remembered at once; above that, fewer. */
export const receiptMarksMax = 64;
/** Newest output of all closed processes of the server kept in memory; the oldest goes to disk. */
export const closedOutputBytesMax = 64 * MiB;
/** Output goes to disk in blocks of this size: one system call each, each in a place of its own. */
export const spillBlockBytes = 256 * KiB;
/** Blocks of memory kept for the next writes: with fresh ones the kernel clears page after page. */
export const spareSpillBlocksMax = 16;
/** Bytes of them that wait for the disk, above which the process is paused. */
export const spillQueueBytesMax = 8 * MiB;
/** Output of a process after which a disk that had no room for it is asked again. */
export const spillRetryBytes = 4 * MiB;
/** Raw output in one answer of `process/read`, whatever is asked for: as base64 it stays below the
 * 16 MiB that common WebSocket libraries take in one frame. */
export const readAnswerBytesMax = 8 * MiB;
/** Chunks in one answer. With five JSON values each they stay below `messageValuesMax`. */
export const readAnswerChunksMax = 50_000;
/**
 * Who holds the output of an exited process open is looked for this often: it means a look at every
 * open file of the machine.
 */
export const holderScanIntervalMs = 1_000;
/** Open files looked at in one turn of the event loop: about two milliseconds. */
export const holderScanSliceMax = 500;
/** Retained output read at once when it is pushed to a client that came back. */
export const catchUpPageBytes = 256 * KiB;
/**
 * A closed process stays readable, and its id taken, this long. The reference's value, measured.
 */
export const closedProcessTtlMs = 80_000;
/**
 * How long it stays when the client is there and has not confirmed its output: it reads slowly, and
 * asks later for what it let go. Some time there must be an end to what it never reads.
 */
export const unconfirmedOutputTtlMs = 15 * 60_000;
/**
 * Bytes waiting for a process that does not read its stdin; a write beyond is answered when there
 * is room again, or when the process ends.
 */
export const stdinQueueBytesMax = 1 * MiB;
/** After a kill, how long the end of the output may take to be read before it is given up: what the
 * pipes hold is read in a millisecond; only a stranger who holds one open makes it last longer. */
export const killedOutputDrainMs = 100;
/** Bytes read from a pipe or terminal at once; a pipe of Linux holds as many. */
export const outputReadBytesMax = 64 * KiB;
/** Blocks of that size kept for the next reads: what a few floods leave behind at once. */
export const spareReadBlocksMax = 32;
/** Bytes that a thread reads ahead of a terminal at most: fewer calls of threads, a longer wait. */
export const readAheadBytesMax = 256 * KiB;
/** How long it should take to read ahead, which is for how long output waits to be sent. */
export const readAheadMs = 5;
/** A flood of less in all that time is over. A terminal of Linux holds as many bytes. */
export const floodBytesMin = 4 * KiB;
/** Bytes that a pipe holds whose program floods, instead of the 64 KiB of Linux. */
export const floodPipeBytes = 256 * KiB;
/** Terminals that are read ahead at the same time: the other threads are there for file calls. */
export const readAheadsMax = 4;
/** Pieces of memory kept for that: while one is sent, the next is read into. */
export const spareReadAheadsMax = 2;
/**
 * Thousandths of the memory by which what a client starts counts as larger than it is when the
 * kernel looks for something to kill. The server has some hundred megabytes: half of the memory is
 * more than that also in a container with 256 MiB.
 */
export const startedOomScore = 500;
/** A start that takes longer hangs in the system (a dead mount); others stop waiting for it. */
export const launchStallMs = 1_000;
/**
 * Starts under way beside one that hangs: more than there are threads for them, and fewer than the
 * 256 calls on threads that koffi lets be under way, or it throws.
 */
export const launchesMax = 64;
/**
 * Turns of the event loop between two starts while more are waiting: requests of others, which then
 * find it awake, wait 0.31 ms behind 32 starts. With ten turns it is 0.39 for 7 % more starts.
 */
export const turnsBetweenStarts = 50;
/**
 * How often processes are looked at whose end the kernel cannot announce for want of descriptors.
 */
export const exitScanIntervalMs = 50;
/**
 * How often process 1 looks for orphans that have ended. Its own children it has taken note of in
 * that time.
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

/** How often it is tried again what needs a descriptor where there is none. */
export const descriptorPollMs = 2;
/** The process that cleans up after this server's death is started anew this often. */
export const keeperRestartsMax = 10;
/**
 * How long the end of the server waits for that process. What it has not finished of the server's
 * writes by then is left to the next server.
 */
export const keeperCloseMs = 3_000;
/**
 * How long that process lets a program finish the server's writes, which gives up by itself after
 * `finishWritesMs`, if the system let it start at all.
 */
export const keeperWorkMs = 10_000;
/** How often a terminal that nobody has open is looked at while its process lives. */
export const terminalLookIntervalMs = 20;
/** How long `script`, where it stands in for a terminal, may take to end after its program. */
export const terminalCopyGraceMs = 200;
/** Named pipes made by one run of mkfifo, where pipes cannot be made otherwise. */
export const fifoBatchMax = 48;
/** Write ids a process remembers, to apply a repeated write once. The reference's value. */
export const writeIdsRememberedMax = 4096;
/** Largest delay a timer of Node takes; a longer one would fire at once. */
export const timerMsMax = 2 ** 31 - 1;
/**
 * Rows and columns of a terminal whose starter names none. The kernel's and the reference's value.
 */
export const terminalSizeDefault = { rows: 24, cols: 80 };

// ---- file system

/** Largest file that `fs/readFile` gives in one answer. The reference's value. */
export const readFileBytesMax = 512 * MiB;
/** Bytes in one `fs/readBlock` or `fs/writeBlock`. The reference's value. */
export const fileBlockBytesMax = 1 * MiB;
/** Blocks of memory kept for the next `fs/readBlock`; one is enough unless a disk is slow. */
export const spareBlocksMax = 2;
/**
 * Bytes turned into base64 at once, without a rest at their end: a text of this size lies where the
 * engine makes its short-lived ones, which cost nothing to throw away.
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
/** File calls that one operation on many files has in flight: enough for the four threads of Node's
 * pool, few enough that another request's call does not wait long behind them. */
export const fileCallsInParallel = 8;
/**
 * Directories that one operation fills, or empties, at the same time, because the system locks a
 * directory while it makes a file in it, or removes one.
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
 * How long one turn of the event loop may spend on file calls of its own: another request waits no
 * longer behind a copied tree, and the turns themselves cost a hundredth of that.
 */
export const directSliceMs = 2;
/**
 * What handing a call to a thread and back takes, at most. Kinds of calls that take longer here are
 * handed over, because several cores can then make them at once.
 */
export const handOverMs = 0.1;
/** Calls by which the usual time of their kind is known. */
export const callsRemembered = 8;
/** Calls handed over until the next one shows whether that is still worth it. */
export const handedOverMax = 32;
/** The same of bursts of calls: as many calls are made in one, or handed over, as fit. */
export const burstTriedEvery = 4;
/** A file call that takes longer than this is one of a slow disk, and is best made on a thread. */
export const slowCallMs = 20;
/**
 * What an entry of a directory may take besides: one of 10,000 takes 1 to 2 microseconds, and three
 * on a busy machine. Taken for a sign of a slow disk, a large directory sent the walk behind it to
 * threads, which took 1.3 times as long.
 */
export const listedEntryMs = 0.005;
/** What all of them may take: a larger directory is better listed on a thread the next time. */
export const listingMsMax = 50;
/** For how many times what a slow call took others go to threads: it has a tenth of the loop. */
export const slowDiskPauseRatio = 10;
/** Largest piece of a file read or written on the event loop: some 100 microseconds. */
export const directBytesMax = 1 * MiB;
/** Bytes read at once of a file that does not tell its size, such as those of procfs. */
export const procFileChunkBytes = 64 * KiB;
/** A file below this is copied in one go: some 50 microseconds. */
export const smallCopyBytesMax = 64 * KiB;
/** Bytes copied at once of a file; small, so that copies in parallel stay cheap. */
export const copyChunkBytes = 1 * MiB;
/**
 * Pages of a journal's file kept for the next write: 8 MiB of content with what is said about it.
 * To write into new pages takes three times as long.
 */
export const journalKeptBytes = 8 * MiB + 64 * KiB;
/** Files kept for the next records; each is at most as large as the bound before. */
export const spareSlipsMax = 2;
/**
 * Whether a server in another container lives cannot be seen. A write takes well below this, so
 * that a record that is older has been left behind.
 */
export const foreignJournalMs = 10_000;
/** A file that changed this much later than a record of it was changed by somebody else. */
export const unfinishedWriteMs = 60_000;
/**
 * How much coarser than others a file system may keep times: two seconds on FAT. What was changed
 * that long before a record was made was not changed by the write that it is of.
 */
export const fileTimeSlackMs = 2_000;
/** Bytes that may say where the content of a record belongs: a path of 4 KiB, escaped. */
export const journalEntryBytesMax = 64 * KiB;
/** Symbolic links on a way before it counts as a circle. The kernel's value. */
export const linksFollowedMax = 40;
/** How often a place is looked at that is another, or gone, at the second look. */
export const placeLooksMax = 5;
/** How long the end of the server waits for writes that are under way. */
export const journalCloseMs = 1_000;
/** How long another server may take to write 33 bytes of memory, which it does at once. */
export const secretFillMs = 50;
/** How often a start looks whether somebody else has finished them. */
export const finisherLookMs = 20;
/**
 * How long writes may take to be finished, and how long a start waits for somebody else who is at
 * it; a dead mount must not keep it for ever. What is left then is tried again by the next one.
 */
export const finishWritesMs = 5_000;
/** Calls under way to one mount that may hang: three such mounts leave some of the 32 threads. */
export const remoteCallsMax = 8;
/**
 * How old the list of mounts may be by which calls are kept apart: one that comes and hangs at once
 * could stop the event loop for that long. To ask whether it has changed takes 4 microseconds, to
 * read it 50.
 */
export const mountTableMs = 5;
/** Paths in one `fs/watchMissing`: each may cost a watch, of which the kernel gives thousands. */
export const watchedPathsMax = 1024;
/** Times that `fs/watchMissing` sets its watches anew because directories came while it did. */
export const watchTriesMax = 8;
/** Changes heard in one turn after which some may be lost: Linux keeps 16,384 for a process. */
export const watchEventsInTurnMax = 1_000;

// ---- access

/** How often it is looked whether the files of certificate, key and token have changed. */
export const followedFilesLookMs = 5_000;
/** How long after that they are read: certificate and key are replaced one after the other. */
export const followedFilesSettleMs = 1_000;

/** Refused tokens of one address within `failedAttemptsWindowMs` after which it has to wait. */
export const failedAttemptsMax = 20;
export const failedAttemptsWindowMs = 60_000;
/** Addresses whose refused tokens are counted at once; the oldest is forgotten for a new one. */
export const failedAddressesMax = 10_000;
/** A client has this long to shake hands for TLS, and this long to send the head of its request. */
export const requestHeadMs = 10_000;
/** How often it is looked for clients that take longer for the head. */
export const requestHeadLookMs = 2_500;
/**
 * Connections that are no WebSockets yet; of more an old one is cut. Several times as many as the
 * kernel hands over at once when all clients come back after an outage.
 */
export const newcomersMax = 2_048;
/** The same as a part of the files that the server may have open: one in so many. */
export const newcomersShareOfFiles = 4;
/** After this long without a cut the next one is logged again. */
export const newcomersQuietMs = 60_000;
/** Characters of an id that clients choose, and of a trace, as far as logs tell them. */
export const loggedIdCharsMax = 128;
/** The same of the id of a request, and of the name that a client gives itself. */
export const loggedNameCharsMax = 64;
/** Characters of one text in the audit log, such as a path; what is longer is cut. */
export const auditTextCharsMax = 4096;
/**
 * Bytes at the end of an audit log that are looked at to go on with it: more than its last line and
 * one that was cut off can have.
 */
export const auditTailBytes = 512 * KiB;
/** Bytes of log lines that wait for stderr; more are dropped, for they must not stop the server. */
export const logBacklogBytesMax = 1 * MiB;
/** How long log lines wait for room in a stderr that does not let them wait there. */
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
/** Sandbox objects of one connection of which is kept what they mean; some KiB each. */
export const sandboxMeaningsMax = 64;
/** Sandbox objects that need not be checked again when they come again, of all connections. */
export const sandboxesRememberedMax = 64;
/** Characters of the JSON of one of them. A larger one is checked each time. */
export const sandboxRememberedCharsMax = 16 * KiB;
/** How often a sandbox is set up anew when what it names, or a mount, changes meanwhile. */
export const helperStartAttemptsMax = 5;
/** How often the mount points of a confined process are made anew when somebody was quicker. */
export const mountPointTriesMax = 5;
/** Bytes an fs-helper reads at once of its input. */
export const helperReadBytes = 256 * KiB;
/** How often an fs-helper tries again when its stdin or stdout was left non-blocking. */
export const helperWaitMs = 5;
/** Bytes of a path, at most, that the kernel takes. */
export const pathBytesMax = 4096;
/** Patterns that the braces of one deny pattern may stand for. */
export const globAlternativesMax = 256;
/** Directory entries looked at for deny patterns before each operation; more fails it. */
export const globScanEntriesMax = 100_000;
/** Paths masked for deny patterns; each costs bwrap a mount. */
export const globMatchesMax = 1_000;
/** How long bwrap may take to show that it works, which takes it milliseconds. */
export const bwrapTrialMs = 5_000;
/** What is kept of each stream of such a trial: bwrap's help has 5,000. */
export const trialOutputBytesMax = 100_000;
/** Arguments that bwrap takes, with those that it reads from a descriptor: its own limit. */
export const bwrapArgumentsMax = 9_000;
/** Bytes of arguments and variables that every kernel takes, so that no limit is looked up. */
export const shortArgumentsBytesMax = 96 * KiB;
/** Bytes of a table of mounts that are read at once; more take further reads. */
export const mountTableReadBytes = 16 * KiB;
/** How often it is looked whether bwrap has mounted everything, which takes it some 4 ms. */
export const bwrapPollMs = 1;
/** How long its sign that it has is waited for before it is looked anyway. */
export const bwrapSignMs = 20;
/** How long it is waited until it is looked again whether a sandbox has ended, at first. */
export const sandboxEndPollMs = 1;
/** The same for one that does not end, because a disk of its hangs. */
export const sandboxEndPollMsMax = 1_000;
/** Warm fs-helpers of the whole server; each is a Node process of some 40 MB. */
export const helpersMax = 16;
/** Fs-helpers that share the work of one policy of one connection. */
export const helpersPerPolicyMax = 3;
/** A request waiting this long for a busy fs-helper gets one more of its policy. */
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
/** How long somebody who asks about the sandbox waits for the first trial of it. */
export const healthWaitMs = 1_000;
/** How long a client is told the same of the sandbox before bwrap is looked for again. */
export const sandboxHealthMs = 5_000;
/** After this long a machine that could not confine is tried again. */
export const healthRetryMs = 10_000;
/** What a failed bwrap or fs-helper printed, as far as it is told. */
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
 * The bounds that `codex exec-server` takes as options. Reaching one fails the request that did.
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

/** Counts far above what agents use: who leaks them gets an error before the machine does. */
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
