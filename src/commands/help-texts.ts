/** The texts below the options of each command. */

export const execServerHelp = `
The URL of the server is the only line on stdout; diagnostics go to stderr. Levels of lines there:
warn and error are for somebody to look at, info adds one line for each process and session that
ends, each connection that breaks and each session that is resumed, debug one for each request. No
line holds contents, arguments or variables of commands.
SIGTERM and SIGINT stop the server and everything that it started, and so does a hang-up of the
terminal it was started on; with no terminal for stdin, stdout and stderr it outlives a hang-up.
Certificate, key, token and secret are read again within seconds after their files have changed.

Over HTTP at the same port: /livez, /readyz (why not, if not) and /metrics for Prometheus, which wants
the token when there is one. BYTES may end in KiB, MiB or GiB. Reaching a limit is an error for the
request that did.

Environment variables:
  CODEX_HOME, HOME    CODEX_HOME/.env, else HOME/.codex/.env, adds variables for commands to inherit
  TMPDIR              the temporary directory that clients are told of; also for long outputs, for
                      writes under way and for sandboxes
  HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY
                      used for HTTP requests of clients
  NO_COLOR            no colours in lines on a terminal
  CODEX_API_KEY, CODEX_ACCESS_TOKEN
                      never handed to a command

Examples:
  $ codex exec-server
  $ codex exec-server --listen ws://127.0.0.1:8765
  $ CODEX_EXEC_SERVER_URL=ws://127.0.0.1:8765 codex exec "run the tests"

  Beyond this machine, with a token and encrypted:
  $ (umask 077; openssl rand -hex 32 > token)
  $ codex exec-server --listen ws://0.0.0.0:8765 --ws-auth capability-token --ws-token-file token \\
      --tls-cert cert.pem --tls-key key.pem`;

export const doctorHelp = `
Exit code: 0 when everything works, 1 when something fails; what works with less is only told.

Examples:
  $ codex exec-server doctor
  $ codex exec-server doctor --json`;

export const auditVerifyHelp = `
Each line holds a hash of itself and the line before. Lines that were cut off at the end leave no
trace in the file: keep the hash that this command prints elsewhere, and give it as --last next time.

Exit code: 0 when the chain holds, 1 when it does not or the file cannot be read.

Example:
  $ codex exec-server audit verify /var/log/codex-audit.jsonl`;

export const fsHelperHelp = `
Answers each line by one line, in order, until the input ends. Without policy it does what it is asked
with the rights it was started with; under bwrap that is what the policy of the request allows.

Example:
  $ echo '{"operation":"fs/getMetadata","params":{"path":"file:///etc/hostname"}}' | codex fs-helper`;
