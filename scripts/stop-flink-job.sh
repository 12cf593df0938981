#!/bin/sh
# Stops the job with a savepoint, from which the next deploy goes on; nothing where none runs.
. "$(dirname "$0")/common.sh"
clickrate flink stop "$@"
