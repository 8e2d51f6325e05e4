// Makes Node's thread pool larger than its four threads: every file call and every start of a process
// runs on it, and calls to a network disk that is gone occupy threads for ever. The size is read once,
// when the first thread is needed. Node's loader of ECMAScript modules needs one before it runs the
// first line of a module, so this is CommonJS; and so that no process inherits it, the variable is gone
// as soon as it has been read. Whoever sets it himself has it his way.
const { access } = require("node:fs");

/** Idle ones cost 10 KiB each, all of them together about a millisecond of the start. */
const threads = "32";

if (process.env.UV_THREADPOOL_SIZE === undefined) {
  process.env.UV_THREADPOOL_SIZE = threads;
  access("/", () => undefined);
  delete process.env.UV_THREADPOOL_SIZE;
}
