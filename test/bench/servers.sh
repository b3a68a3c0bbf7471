# What the benchmarks on a real Kafka and a real Redis share, sourced by bench_path.sh and bench_latency.sh: servers, a
# forest, the end of everything that was started. Uses $here $root $outlierd $bench_path $events $folder $started $daemon.

sample_every=50 # of the vectors, every so many trains the forest

# Ends a process that this script started, and waits until it is gone.
end_process() {
	kill "-$1" "$2" 2>/dev/null || true
	wait "$2" 2>/dev/null || true
}

finish() {
	[ -z "$daemon" ] || end_process KILL "$daemon"
	for pid in "${started[@]}"; do
		end_process KILL "$pid"
	done
	[ ! -e "$folder/kafka/server.properties" ] || "$root/test/tools/kafka-server" stop "$folder/kafka"
	[ -n "${BENCH_KEEP:-}" ] || rm -rf "$folder"
}
trap finish EXIT

free_port() {
	local port
	while port=$((20000 + RANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
	echo "$port"
}

# write_config NAME avro|csv
write_config() {
	"$bench_path" config "$1" "$brokers" "$redis_port" "$http_port" "${BENCH_LIMITS:-{\}}" "$2" >"$folder/$1.json"
}

start_servers() {
	"$root/test/tools/kafka-server" install
	brokers=$("$root/test/tools/kafka-server" start "$folder/kafka")
	"$root/test/tools/kafka-server" topic "$folder/kafka" transactions 4 retention.ms=-1
	for topic in alerts late dead; do
		"$root/test/tools/kafka-server" topic "$folder/kafka" $topic 4
	done
	redis_port=$(free_port)
	http_port=$(free_port)
	mkdir -p "$folder/redis"
	redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$folder/redis" --save "" \
		--appendonly "${BENCH_APPENDONLY:-no}" >"$folder/redis.log" 2>&1 &
	redis=$!
	started+=("$redis")
	for _ in {1..100}; do
		(exec 3<>"/dev/tcp/127.0.0.1/$redis_port") 2>/dev/null && return
		sleep 0.1
	done
	echo "bench_path: Redis does not start: $(tail -3 "$folder/redis.log")" >&2
	exit 1
}

train_forest() {
	write_config training csv
	"$bench_path" csv "$events" ${BENCH_SPACING:+"$BENCH_SPACING"} |
		"$outlierd" features --config "$folder/training.json" --input - --input-format csv --output - 2>"$folder/features.log" |
		awk -F, -v OFS=, -v every=$sample_every 'NR == 1 { print; next } NR % every == 0 { $6 = ""; print }' >"$folder/rows.csv"
	tail -1 "$folder/features.log"
	"$outlierd" train --config "$folder/training.json" --input "$folder/rows.csv" --output "$folder/models/" 2>"$folder/train.log" >&2 || {
		cat "$folder/train.log" >&2
		exit 1
	}
}

metric() {
	awk -v name="$1" '$1 == name { print $2 }' "$folder/metrics"
}
