#!/usr/bin/env bash
# How fast the past is read again, beside the live path over the same topic in the same run: `replay` and `features --from`.
#
#   bench_past.sh OUTLIERD BENCH_PATH
#
# Environment: BENCH_EVENTS (6000000: a replay needs two seconds to begin and end), BENCH_RUNS (3), BENCH_LIMITS (`limits`
# of the configuration; by default a cache that holds all entities, so that nobody reads states again).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
outlierd=$(realpath "$1")
bench_path=$(realpath "$2")
events=${BENCH_EVENTS:-6000000}
BENCH_LIMITS=${BENCH_LIMITS:-{\"cache_bytes\": 2147483648\}}
runs=${BENCH_RUNS:-3}
folder=$(mktemp -d "${TMPDIR:-/tmp}/outlierd-bench-XXXXXX")
started=()
daemon=

. "$here/servers.sh"

# Records a second of the daemon, from the first record to the last commit.
live() {
	write_config "$1" avro
	"$outlierd" run --config "$folder/$1.json" 2>"$folder/$1.log" &
	daemon=$!
	"$bench_path" watch "$brokers" transactions "$1" "$events" "$daemon" "$(cat "$folder/kafka/pid")" "$redis" >"$folder/$1.watch"
	kill -TERM "$daemon"
	wait "$daemon" || true
	daemon=
	redis-cli -p "$redis_port" flushall >/dev/null
	grep -o '^rate=[0-9.]*' "$folder/$1.watch" | cut -d= -f2
}

# timed NAME COMMAND ...: records a second of a whole command, its start and its end included; NAME.peak gets MiB.
timed() {
	local name=$1
	shift
	/usr/bin/time -f '%e %M' -o "$folder/time" "$@" >"$folder/$name.out" 2>"$folder/$name.log" || {
		tail -5 "$folder/$name.log" >&2
		exit 1
	}
	awk '{ printf "%d", $2 / 1024 }' "$folder/time" >"$folder/$name.peak"
	awk -v events="$events" '{ printf "%.0f\n", events / $1 }' "$folder/time"
}

median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

"$bench_path" schema >"$folder/transaction.avsc"
start_servers
echo "past: $events events, 4 partitions, 10000 cards, 10 features"
"$bench_path" produce "$brokers" transactions "$events"
train_forest
for ((run = 1; run <= runs; run++)); do
	live "live$run" >>"$folder/live"
	write_config "replay$run" avro
	timed replay "$outlierd" replay --config "$folder/replay$run.json" --from earliest --name "r$run" >>"$folder/replay"
	timed features "$outlierd" features --config "$folder/replay$run.json" --from earliest --output /dev/null >>"$folder/features"
	echo "past: run $run: live $(tail -1 "$folder/live"), replay $(tail -1 "$folder/replay"), features $(tail -1 "$folder/features") events/s"
done
awk -v live="$(median "$folder/live")" -v replay="$(median "$folder/replay")" -v features="$(median "$folder/features")" \
	-v replay_peak="$(cat "$folder/replay.peak")" -v features_peak="$(cat "$folder/features.peak")" 'BEGIN {
	printf "past: medians: live %d, replay %d (%.2f x, %d MiB), features --from %d (%.2f x, %d MiB); wanted 1.5 x\n",
		live, replay, replay / live, replay_peak, features, features / live, features_peak
}'
