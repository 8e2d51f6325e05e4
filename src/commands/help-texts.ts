/** The texts below the options of each command. */

export const execServerHelp = `
The URL of the server is the only line on stdout. Diagnostics go to stderr: warn and error need
attention; info adds a line for each process or session that ends, each connection that breaks and
each session that is resumed; debug adds a line for each request. No line holds contents, arguments
or variables of commands.

SIGTERM and SIGINT stop the server and everything it started, as does a hang-up of the terminal it
was started on. Without a terminal on stdin, stdout and stderr the server survives a hang-up.
Changed certificate, key, token and secret files are read again within seconds.

The port also answers HTTP: /livez, /readyz (with the reasons when the server is not ready) and
/metrics for Prometheus, which requires the token if there is one. BYTES may end in KiB, MiB or GiB.
A request that would exceed a limit is refused with an error. Of output beyond its limits the oldest
is dropped, and a message that is too large ends its connection.

Environment variables:
  CODEX_HOME, HOME    CODEX_HOME/.env, else HOME/.codex/.env, adds variables for commands to inherit
  TMPDIR              the temporary directory that clients see; also holds long outputs, writes in
                      progress and what sandboxes need
  HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY
                      used for HTTP requests of clients
  NO_COLOR            no colours on a terminal
  CODEX_API_KEY, CODEX_ACCESS_TOKEN
                      never passed to a command

Examples:
  $ codex exec-server
  $ codex exec-server --listen ws://127.0.0.1:8765
  $ CODEX_EXEC_SERVER_URL=ws://127.0.0.1:8765 codex exec "run the tests"

  Beyond this machine, with a token and encrypted:
  $ (umask 077; openssl rand -hex 32 > token)
  $ codex exec-server --listen ws://0.0.0.0:8765 --ws-auth capability-token --ws-token-file token \\
      --tls-cert cert.pem --tls-key key.pem`;

export const doctorHelp = `
Exit code: 0 when everything works, 1 when something fails. What works with restrictions is reported
but does not change the exit code.

Examples:
  $ codex exec-server doctor
  $ codex exec-server doctor --json`;

export const auditVerifyHelp = `
Each line holds a hash of itself and of the line before. Lines removed at the end leave no trace in
the file: store the hash that this command prints elsewhere, and pass it as --last next time.

Exit code: 0 when the chain holds, 1 when it does not or the file cannot be read.

Example:
  $ codex exec-server audit verify /var/log/codex-audit.jsonl`;

export const fsHelperHelp = `
Answers each line with one line, in order, until the input ends. It has the rights it was started
with: the server starts it under bwrap, which limits them to what the sandbox policy allows.

Example:
  $ echo '{"operation":"fs/getMetadata","params":{"path":"file:///etc/hostname"}}' | codex fs-helper`;
