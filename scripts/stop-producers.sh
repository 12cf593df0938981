#!/bin/sh
# Stops the traffic that start-producers.sh started.
. "$(dirname "$0")/common.sh"
case "$CLICKRATE_STACK" in
  containers) compose --profile producers stop producers ;;
  local) node scripts/producers.ts stop "$stack_directory" ;;
esac
