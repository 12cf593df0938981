#!/bin/sh
# A process of Flink in a container: start.sh jobmanager | taskmanager | sql-gateway
# The same settings and flags as scripts/stack/flink.ts; a test compares them.
set -eu
deploy=$(cd "$(dirname "$0")/.." && pwd)
export FLINK_HOME="${FLINK_HOME:-/opt/flink}"
more="${FLINK_MORE:-$FLINK_HOME/clickrate}"
conf="${WORK_DIR:-/tmp}/conf"
export FLINK_CONF_DIR="$conf" FLINK_LIB_DIR="$FLINK_HOME/lib"
export FLINK_PLUGINS_DIR="$FLINK_HOME/plugins" FLINK_OPT_DIR="$FLINK_HOME/opt"

mkdir -p "$conf" "$TEMPORARY_DIR"
sh "$deploy/fill.sh" "$deploy/flink/config.yaml" > "$conf/config.yaml"
sh "$deploy/fill.sh" "$deploy/flink/log4j2.properties" > "$conf/log4j2.properties"

path="$conf:$FLINK_LIB_DIR/*:$more/flink-sql-connector-kafka-5.0.0-2.2.jar"
path="$path:$more/zstd-jni-1.5.6-10.jar"
case "${1:-}" in
  jobmanager)
    memory="-Xmx700m -XX:MaxMetaspaceSize=256m"
    main="org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir $conf"
    ;;
  taskmanager)
    memory="-Xms896m -Xmx896m -XX:MaxDirectMemorySize=256m -XX:MaxMetaspaceSize=256m"
    main="org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir $conf"
    ;;
  sql-gateway)
    memory="-Xmx512m"
    main="org.apache.flink.table.gateway.SqlGateway"
    path="$path:$more/flink-sql-gateway-2.2.1.jar"
    ;;
  *)
    echo "start.sh: jobmanager, taskmanager or sql-gateway, not '${1:-}'" >&2
    exit 2
    ;;
esac

opens=""
for name in lang util io nio net text time lang.reflect util.concurrent \
  util.concurrent.atomic util.concurrent.locks; do
  opens="$opens --add-opens=java.base/java.$name=ALL-UNNAMED"
done
opens="$opens --add-opens=java.base/sun.nio.ch=ALL-UNNAMED"
exports="--add-exports=java.management/sun.management=ALL-UNNAMED"
exports="$exports --add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED"
exports="$exports --add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED"
for name in api file parser tree util; do
  exports="$exports --add-exports=jdk.compiler/com.sun.tools.javac.$name=ALL-UNNAMED"
done

# These are words without spaces of their own.
# shellcheck disable=SC2086
exec java $memory $opens $exports "-Dlog4j2.configurationFile=$conf/log4j2.properties" \
  "-Djava.io.tmpdir=$TEMPORARY_DIR" -XX:+UseSerialGC -cp "$path" $main
