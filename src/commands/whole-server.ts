/**
 * All that a server loads later than its command line. A checkout that is not built loads this
 * first, so that all of it is compiled before a signal is obeyed: the compiler hears Ctrl-C, too,
 * and what a stopping server still loads could not be compiled any more.
 */
import "../environment/local/environment.ts";
import "../environment/local/threads/file-thread.ts";
import "../environment/local/http/transport.ts";
import "../environment/local/journal/finish.ts";
import "../server/access/access.ts";
import "../server/watch/audit-log.ts";
import "../server/access/capability-token.ts";
import "../server/exec-server.ts";
import "../server/access/signed-token.ts";
import "./exec-server.ts";
import "./idle-memory.ts";
import "./tls-options.ts";
