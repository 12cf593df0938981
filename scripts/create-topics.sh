#!/bin/sh
# Makes the topics in Kafka; those that are there are checked.
. "$(dirname "$0")/common.sh"
clickrate topics create --flink "$@"
