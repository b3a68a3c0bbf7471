#!/usr/bin/env bash
# The whole path on a real Kafka and a real Redis, against bare consumption of the same topic in the same run.
#
#   bench_path.sh OUTLIERD BENCH_PATH
#
# Environment: BENCH_EVENTS (1000000), BENCH_RUNS (3), BENCH_APPENDONLY (no; yes: Redis syncs its log every second),
# BENCH_MALLOCS (1: a last run under an allocation counter), BENCH_PERF (a file: a last run under perf record),
# BENCH_LIMITS ({}: `limits` of the configuration), BENCH_KEEP (a folder that is made and kept).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
outlierd=$(realpath "$1")
bench_path=$(realpath "$2")
events=${BENCH_EVENTS:-1000000}
runs=${BENCH_RUNS:-3}
folder=${BENCH_KEEP:-$(mktemp -d "${TMPDIR:-/tmp}/outlierd-bench-XXXXXX")}
mkdir -p "$folder"
started=()
daemon=

. "$here/servers.sh"

# daemon_run NAME [COMMAND ...]: a daemon with a group and state of its own, from the first record to the last commit.
daemon_run() {
	local name=$1
	shift
	write_config "$name" avro
	"$@" "$outlierd" run --config "$folder/$name.json" 2>"$folder/$name.log" &
	daemon=$!
	local pid=$daemon
	if [ "${1:-}" = perf ]; then
		sleep 1
		pid=$(pgrep -P "$daemon" -x outlierd)
	fi
	"$bench_path" watch "$brokers" transactions "$name" "$events" "$pid" "$(cat "$folder/kafka/pid")" "$redis" \
		${MALLOC_COUNTS:+"$MALLOC_COUNTS"} >"$folder/$name.watch" || {
		tail -5 "$folder/$name.log" >&2
		exit 1
	}
	sleep 1.5 # /metrics is written once a second
	curl -fsS "http://127.0.0.1:$http_port/metrics" >"$folder/metrics"
	kill -TERM "$pid"
	wait "$daemon" || true
	daemon=
	if [ "$(metric 'outlierd_records_total{outcome="scored"}')" != "$events" ]; then
		echo "path: not every event was scored: $(tail -1 "$folder/$name.log")" >&2
		exit 1
	fi
	printf '%s transactions=%s writes=%s written_records=%s alerts=%s\n' "$(head -1 "$folder/$name.watch")" \
		"$(metric outlierd_commits_total)" "$(metric outlierd_store_writes_total)" \
		"$(metric outlierd_store_written_records_total)" "$(metric outlierd_alerts_total)" | tee -a "$folder/runs"
	redis-cli -p "$redis_port" flushall >/dev/null
}

# Minimum, median and maximum of one NAME=VALUE of the lines in a file.
spread() {
	grep -o "\(^\| \)$2=[0-9.]*" "$1" | cut -d= -f2 | sort -n |
		awk '{ v[NR] = $1 } END { printf "%s %s %s", v[1], v[int((NR + 1) / 2)], v[NR] }'
}

row() {
	read -r least median most <<<"$2"
	printf 'path: %-44s median %10s   (%s to %s)\n' "$1" "$median" "$least" "$most"
}

report() {
	local bare path
	bare=$(spread "$folder/bare" rate | cut -d' ' -f2)
	path=$(spread "$folder/runs" rate | cut -d' ' -f2)
	row "bare librdkafka, records/s" "$(spread "$folder/bare" rate)"
	row "bare librdkafka, CPU s per million" "$(spread "$folder/bare" cpu)"
	row "whole path, events/s" "$(spread "$folder/runs" rate)"
	row "whole path, CPU s per million" "$(spread "$folder/runs" cpu)"
	row "the broker beside it, CPU s per million" "$(spread "$folder/runs" broker_cpu)"
	row "Redis beside it, CPU s per million" "$(spread "$folder/runs" redis_cpu)"
	row "peak memory, MiB" "$(spread "$folder/runs" peak_mib)"
	row "transactions" "$(spread "$folder/runs" transactions)"
	row "state writes" "$(spread "$folder/runs" writes)"
	row "state records written" "$(spread "$folder/runs" written_records)"
	row "alerts" "$(spread "$folder/runs" alerts)"
	awk -v bare="$bare" -v path="$path" -v alerts="$(spread "$folder/runs" alerts | cut -d' ' -f2)" -v events="$events" 'BEGIN {
		printf "path: ratio to bare consumption %.3f (least wanted 0.15, goal 0.5), alerts %.2f %%\n", path / bare, 100 * alerts / events }'
}

count_mallocs() {
	"${CC:-cc}" -std=c11 -O2 -D_GNU_SOURCE -I"$root" -shared -fPIC -o "$folder/count_mallocs.so" "$here/count_mallocs.c"
	export MALLOC_COUNTS="$folder/mallocs"
	: >"$MALLOC_COUNTS"
	truncate -s 65536 "$MALLOC_COUNTS"
	daemon_run mallocs env LD_PRELOAD="$folder/count_mallocs.so" >/dev/null
	unset MALLOC_COUNTS
	sed -n '2s/^/path: calls of malloc per event in the second half: /p' "$folder/mallocs.watch"
	sed -n 's/^caller=\(0x[0-9a-f]*\) mallocs=\(.*\)/\1 \2/p' "$folder/mallocs.watch" | while read -r address number; do
		printf '  %s  %s\n' "$number" "$(addr2line -f -i -e "$outlierd" "$address" | paste -sd' ' | sed "s|$root/||g")"
	done
}

"$bench_path" schema >"$folder/transaction.avsc"
start_servers
echo "path: $events events, 4 partitions, 10000 cards, 10 features, Redis appendonly ${BENCH_APPENDONLY:-no}"
"$bench_path" produce "$brokers" transactions "$events"
train_forest
for ((run = 1; run <= runs; run++)); do
	"$bench_path" consume "$brokers" transactions "$events" | tee -a "$folder/bare"
	daemon_run "run$run"
done
report
[ "${BENCH_MALLOCS:-1}" != 1 ] || count_mallocs
[ -z "${BENCH_PERF:-}" ] || daemon_run profile perf record -q -F 999 -g -o "$BENCH_PERF"
