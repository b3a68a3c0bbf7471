#!/usr/bin/env bash
# From producing an event to its alert being visible with read_committed, on a real Kafka and a real Redis: on an idle
# machine (one event at a time, each flagged by a rule), and at half of the highest rate that the path reached before in the
# same run (one event in a hundred flagged, a forest scores all). Several builds are measured on the same servers in turn.
#
#   bench_latency.sh BENCH_PATH BENCH_LATENCY OUTLIERD [OUTLIERD ...]
#
# Environment: BENCH_EVENTS (1500000: of the topic that gives the highest rate), BENCH_RATE (half of it unless set),
# BENCH_IDLE (1200 events, 50 ms apart), BENCH_SECONDS (20 at half load), BENCH_RUNS (1: how often each build), BENCH_LIMITS,
# BENCH_APPENDONLY and BENCH_KEEP as in bench_path.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bench_path=$(realpath "$1")
bench_latency=$(realpath "$2")
shift 2
outlierd=$(realpath "$1")
events=${BENCH_EVENTS:-1500000}
idle_events=${BENCH_IDLE:-1200}
idle_rate=20
warm_events=${BENCH_WARM:-3000} # until the broker's Java code is compiled
warm_rate=150
idle_linger_ms=0
load_linger_ms=1
overload_seconds=${BENCH_OVERLOAD:-6}
one_in=100
export BENCH_SPACING=2592 # ms of event time between transactions: a card has 100 in the longest window, once it is full
load_seconds=${BENCH_SECONDS:-20}
folder=${BENCH_KEEP:-$(mktemp -d "${TMPDIR:-/tmp}/outlierd-bench-XXXXXX")}
mkdir -p "$folder"
started=()
daemon=
policy='{"threshold": {"absolute": 1}, "warming": "alert", "rules": [{"name": "large", "action": "flag",
  "when": [{"field": "amount", "above": 100000}], "reason": "an amount that no other event has"}]}'

. "$here/servers.sh"

word() {
	grep -o "\(^\| \)$2=[0-9.]*" <<<"$1" | head -1 | cut -d= -f2
}

take_metrics() {
	sleep 1.5 # /metrics is written once a second
	curl -fsS "http://127.0.0.1:$http_port/metrics" >"$folder/metrics"
}

# measure WHAT COUNT RATE EVERY LINGER-MS: one line of figures, with what the daemon's own counters say about that time.
measure() {
	local what=$1 count=$2 rate=$3 every=$4 linger=$5 line before after
	local names=(outlierd_commits_total outlierd_commit_seconds_sum outlierd_store_writes_total
		outlierd_store_write_seconds_sum outlierd_batch_seconds_sum)
	take_metrics
	before=$(for name in "${names[@]}"; do metric "$name"; done | paste -sd' ')
	line=$(send "$count" "$rate" "$every" "$linger")
	total=$((total + count))
	take_metrics
	after=$(for name in "${names[@]}"; do metric "$name"; done | paste -sd' ')
	read -r p50 p99 p999 most reached late <<<"$(word "$line" p50) $(word "$line" p99) $(word "$line" p999) \
		$(word "$line" max) $(word "$line" rate) $(word "$line" sender_late)"
	printf 'latency: %-9s %8.0f events/s: p50 %5.1f  p99 %5.1f  p99.9 %5.1f  most %5.1f ms (sender late by up to %.1f ms)\n' \
		"$what" "$reached" "$p50" "$p99" "$p999" "$most" "$late"
	awk -v before="$before" -v after="$after" -v seconds="$(awk "BEGIN { print $count / $reached }")" 'BEGIN {
		split(before, b); split(after, a)
		commits = a[1] - b[1]; writes = a[3] - b[3]
		printf "latency:           %.1f transactions/s of %.1f ms, %.0f %% of the time; batches %.0f %%, ",
			commits / seconds, 1000 * (a[2] - b[2]) / commits, 100 * (a[2] - b[2]) / seconds, 100 * (a[5] - b[5]) / seconds
		printf "state writes %.1f/s of %.1f ms\n", writes / seconds, (writes > 0 ? 1000 * (a[4] - b[4]) / writes : 0) }'
}

# send COUNT RATE EVERY LINGER-MS: prints the tool's line.
send() {
	"$bench_latency" "$brokers" transactions alerts "$total" "$@" "$BENCH_SPACING"
}

# watch NAME: until the daemon has committed all; prints the rate from its first commit on.
watch_commits() {
	"$bench_path" watch "$brokers" transactions "$1" "$total" "$daemon" "$(cat "$folder/kafka/pid")" "$redis" >"$folder/watch" || {
		tail -5 "$folder/$1.log" >&2
		exit 1
	}
	word "$(cat "$folder/watch")" rate
}

# run_build NAME OUTLIERD
run_build() {
	local name=$1 catching_up highest sender count
	"$bench_path" config "$name" "$brokers" "$redis_port" "$http_port" "${BENCH_LIMITS:-{\}}" avro "$policy" \
		>"$folder/$name.json"
	"$2" run --config "$folder/$name.json" 2>"$folder/$name.log" &
	daemon=$!
	catching_up=$(watch_commits "$name")
	# The producer, and the reader of alerts, take their part of the machine: what the path does beside them is its highest rate.
	count=$((catching_up * overload_seconds))
	send "$count" "$catching_up" "$one_in" "$load_linger_ms" >/dev/null 2>&1 &
	sender=$!
	total=$((total + count))
	highest=$(watch_commits "$name")
	wait "$sender"
	rate=${rate:-$((highest / 2))}
	echo "latency: $2: $catching_up events/s from a full topic, $highest beside a producer as fast"
	measure warm-up "$warm_events" "$warm_rate" 1 "$idle_linger_ms"
	measure idle "$idle_events" "$idle_rate" 1 "$idle_linger_ms"
	measure half "$((rate * load_seconds))" "$rate" "$one_in" "$load_linger_ms"
	kill -TERM "$daemon"
	wait "$daemon" || true
	daemon=
	redis-cli -p "$redis_port" flushall >/dev/null
}

"$bench_path" schema >"$folder/transaction.avsc"
start_servers
echo "latency: 4 partitions, 10000 cards, 10 features, 100 trees, Redis appendonly ${BENCH_APPENDONLY:-no}"
"$bench_path" produce "$brokers" transactions "$events" "$BENCH_SPACING"
total=$events
rate=${BENCH_RATE:-}
train_forest
for ((run = 1; run <= ${BENCH_RUNS:-1}; run++)); do
	for build in "$@"; do
		run_build "run$run-$(basename "$build")" "$(realpath "$build")"
	done
done
echo "latency: aimed at: p50 at most 15 ms and p99 at most 50 ms at half load"
