#!/bin/sh
# Compiles what the job needs (if needed), makes the topics and starts the job, unless it runs.
# Flags go to `clickrate flink deploy`, as --replace or --parallelism 2.
. "$(dirname "$0")/common.sh"
wait_for_gateway
if [ "$#" -eq 0 ] && clickrate flink status 2>/dev/null | grep RUNNING; then
  echo "the job runs already" >&2
  exit 0
fi
clickrate topics create --missing
# In containers it is part of Flink's image.
if [ "$CLICKRATE_STACK" = local ]; then node scripts/flink-jar.ts; fi
clickrate flink deploy "$@"
if [ "$CLICKRATE_STACK" = containers ]; then echo "from this machine: http://127.0.0.1:8081"; fi
