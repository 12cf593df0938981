#!/bin/sh
# A broker in a container: its settings from broker.properties, its data directory, its process.
# The same flags as scripts/stack/kafka.ts; a test compares them.
set -eu
deploy=$(cd "$(dirname "$0")/.." && pwd)
libs="${KAFKA_LIBS:-/opt/kafka/libs}"
work="${WORK_DIR:-/tmp}"

sh "$deploy/fill.sh" "$deploy/kafka/broker.properties" > "$work/broker.properties"
sh "$deploy/fill.sh" "$deploy/kafka/log4j2.properties" > "$work/log4j2.properties"

if [ ! -e "$LOG_DIR/meta.properties" ]; then
  java -XX:TieredStopAtLevel=1 -cp "$libs/*" kafka.tools.StorageTool format \
    -t "$CLUSTER_ID" -c "$work/broker.properties"
fi
exec java -Xms256m -Xmx768m -XX:+UseSerialGC \
  "-Dlog4j2.configurationFile=$work/log4j2.properties" \
  -cp "$libs/*" kafka.Kafka "$work/broker.properties"
