#!/bin/sh
# `npm test`: Debian packages, build, linter, types, tests. Stops at the first step that fails; the
# last lines are the test runner's own summary. With arguments, only those test files are run.
set -eu
cd "$(dirname "$0")/../.."
PATH="$PWD/node_modules/.bin:$PATH"

# Command and the Debian package that brings it: what the tests need beyond Node.
needed="bwrap:bubblewrap bash:bash perl:perl-base ps:procps openssl:openssl"

missing_packages() {
  for entry in $needed; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || printf '%s ' "${entry#*:}"
  done
}

install_packages() {
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
  if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; }; then
    echo "The tests need these Debian packages: $packages. Install them as root, then run npm test again." >&2
    exit 1
  fi
  echo "Installing Debian packages: $packages" >&2
  # The list of packages on a fresh machine is empty or old.
  $as_root apt-get update -qq >&2
  # shellcheck disable=SC2086 # one argument per package
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >&2
}

install_packages
node test/support/build.mjs
biome check
tsc

# A person reads the tree of results; a log is read from its end, where only TAP always has its sums.
if [ -t 1 ]; then reporter=spec; else reporter=tap; fi
[ $# -gt 0 ] || set -- test/*.test.ts

# The limit holds for whole files, too: the longest takes 35 s, and four times that on a busy machine.
run_tests() {
  concurrency=$1
  shift
  node --import tsx --test --test-timeout=300000 --test-concurrency="$concurrency" \
    --test-reporter="$reporter" --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$results" "$@"
}

# Of every failure the results name the file in which the test stands.
failed_files() {
  sed -n "/^ *not ok /,/^ *location:/s/^ *location: '\\(.*\\.test\\.ts\\):.*/\\1/p" "$results" | sort -u
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
run_tests "$(nproc 2>/dev/null || echo 2)" "$@" && exit 0

# Tests of real processes share few processors, and a bound of one may pass while others work. What
# failed beside them is run once more by itself, and has to pass then.
set -- $(failed_files)
# Of a shared suite they name only the suite: then everything is run again.
[ $# -gt 0 ] || set -- test/*.test.ts
echo "These failed, and are run once more, one after the other: $*" >&2
run_tests 1 "$@"
