# shellcheck shell=sh
# For the scripts beside it: where the pipeline runs, and `clickrate` for it. In containers when
# those of compose.yaml run, else on this machine (npm run stack); CLICKRATE_STACK=containers or
# =local says which. Addresses other than the usual: CLICKRATE_BROKERS, CLICKRATE_GATEWAY, ….
set -eu
cd "$(dirname "$0")/.."

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"
  else docker-compose "$@"
  fi
}

containers_run() {
  [ -n "$(docker ps -q --filter "label=com.docker.compose.project.working_dir=$PWD" \
    --filter label=com.docker.compose.service=redis 2>/dev/null)" ]
}

if [ -z "${CLICKRATE_STACK:-}" ]; then
  if containers_run; then CLICKRATE_STACK=containers; else CLICKRATE_STACK=local; fi
fi

case "$CLICKRATE_STACK" in
  containers) ;;
  local)
    # The Node that npm installs, which may be newer than the machine's own.
    PATH="$PWD/node_modules/.bin:$PATH"
    export PATH
    command -v node >/dev/null || { echo "node is not installed (24.12 or newer)" >&2; exit 1; }
    node scripts/setup.mjs
    hash -r
    CLICKRATE_BROKERS="${CLICKRATE_BROKERS:-127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094}"
    export CLICKRATE_BROKERS
    ;;
  *)
    echo "CLICKRATE_STACK must be containers or local, not $CLICKRATE_STACK" >&2
    exit 2
    ;;
esac

# Where records and logs of processes are, without containers.
stack_directory="${CLICKRATE_STACK_DIRECTORY:-.clickrate/stack}"

clickrate() {
  case "$CLICKRATE_STACK" in
    containers) compose run --rm -T --no-deps tools "$@" ;;
    local) node --max-semi-space-size=4 src/cli/main.ts "$@" ;;
  esac
}

# The containers are started, not yet well, when `docker compose up -d` is back. Where the Gateway
# does not run, or does not come, the command that needs it says so.
wait_for_gateway() {
  [ "$CLICKRATE_STACK" = containers ] || return 0
  for try in $(seq 60); do
    compose exec -T sql-gateway curl -fsS http://127.0.0.1:8083/v2/info >/dev/null 2>&1 && return
    [ -n "$(compose ps -q sql-gateway 2>/dev/null)" ] || return 0
    [ "$try" != 1 ] || echo "waiting for Flink's SQL Gateway …" >&2
    sleep 2
  done
}
