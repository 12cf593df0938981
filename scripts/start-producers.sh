#!/bin/sh
# Starts the original demo's traffic in the background, unless it runs.
# Without containers flags go to `clickrate produce`, as --rate 100.
. "$(dirname "$0")/common.sh"
case "$CLICKRATE_STACK" in
  containers) compose --profile producers up -d --no-deps producers ;;
  local) node scripts/producers.ts start "$stack_directory" "$@" ;;
esac
