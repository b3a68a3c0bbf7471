#include <jansson.h>

#include "daemon/cmd/demo_view.h"
#include "features/apply.h"
#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define BAR_MAX 12      /* characters */
#define BAR_PER_UNIT 40 /* characters per 1 of log2 score */
#define REASONS_SHOWN 3

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

static const char *paint(const struct demo_view *view, enum colour colour)
{
	static const char *const codes[] = {"\033[0m",    "\033[1m",  "\033[2m", "\033[1;31m",
					    "\033[1;32m", "\033[33m", "\033[36m"};
	return view->terminal ? codes[colour] : "";
}

void demo_view_open(struct demo_view *view)
{
	*view = (struct demo_view){.terminal = isatty(STDOUT_FILENO) != 0};
}

static void clear_status(struct demo_view *view)
{
	if (view->status_shown)
		printf("\r\033[K");
	view->status_shown = false;
}

void demo_view_step(struct demo_view *view, const char *text, const char *command)
{
	clear_status(view);
	printf("\n%s%s%s\n", paint(view, BOLD), text, paint(view, PLAIN));
	if (command != NULL)
		printf("%s$ %s%s\n", paint(view, CYAN), command, paint(view, PLAIN));
	fflush(stdout);
}

static double number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text == NULL ? "?" : text;
}

/* "2026-01-28 21:04" */
static void minute_of(int64_t time_ms, char text[NUMBER_TEXT_MAX])
{
	time_format_rfc3339(time_ms, text);
	text[10] = ' ';
	text[16] = '\0';
}

/* Few digits, never an exponent: 12840, 31.2, 0.092. */
static const char *short_number(double value, char text[32])
{
	double size = fabs(value);
	snprintf(text, 32, "%.*f", size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size == 0 ? 2 : 3, value);
	return text;
}

static void print_reason(const struct demo_view *view, const json_t *reason)
{
	double contribution = number_of(reason, "contribution"), value = number_of(reason, "value");
	double low = number_of(reason, "p5"), high = number_of(reason, "p95");
	char bar[3 * BAR_MAX + 1] = "";
	int length = (int)(fabs(contribution) * BAR_PER_UNIT + 0.5);
	for (int i = 0; i < length && i < BAR_MAX; i++)
		snprintf(bar + 3 * i, 4, "█");
	if (!(contribution > 0))
		return;
	char is[32], from[32], to[32], usual[96];
	snprintf(usual, sizeof usual, "usually %s to %s", short_number(low, from), short_number(high, to));
	printf("    %-18s %10s   %-28s %s%s%s\n", text_of(reason, "feature"), short_number(value, is), usual,
	       paint(view, YELLOW), bar, paint(view, PLAIN));
}

void demo_view_alert(struct demo_view *view, struct slice alert, const char *fraud)
{
	json_t *root = json_loadb(alert.data, alert.length, 0, NULL);
	char time[NUMBER_TEXT_MAX];
	if (root == NULL)
		return;
	const json_t *fields = json_object_get(root, "fields");
	clear_status(view);
	minute_of((int64_t)json_integer_value(json_object_get(root, "event_time")), time);
	printf("\n%sALERT%s %s  %s  %s%.2f%s at %s (%s, %s) %s\n", paint(view, RED), paint(view, PLAIN), time,
	       text_of(root, "entity"), paint(view, BOLD), number_of(fields, "amount"), paint(view, PLAIN),
	       text_of(fields, "merchant"), text_of(fields, "category"), text_of(fields, "country"),
	       text_of(fields, "channel"));
	double score = number_of(root, "score"), rank = number_of(root, "rank");
	printf("    score %.3f, above %.2f %% of the training events   %s%s%s\n", score, 100 * rank,
	       fraud[0] != '\0' ? paint(view, GREEN) : paint(view, DIM),
	       fraud[0] != '\0' ? fraud : "simulated as genuine", paint(view, PLAIN));
	size_t index;
	const json_t *item;
	json_array_foreach(json_object_get(root, "rules"), index, item)
	    printf("    rule %s: %s\n", text_of(item, "name"), text_of(item, "reason"));
	json_array_foreach(json_object_get(root, "contributions"), index, item) if (index < REASONS_SHOWN)
	    print_reason(view, item);
	json_decref(root);
	fflush(stdout);
}

void demo_view_status(struct demo_view *view, int64_t time_ms, uint64_t events, uint64_t alerts, uint64_t frauds,
		      uint64_t caught)
{
	char time[NUMBER_TEXT_MAX];
	if (!view->terminal)
		return;
	minute_of(time_ms, time);
	printf("\r\033[K%s%s  %" PRIu64 " events  %" PRIu64 " alerts  %" PRIu64 " of %" PRIu64
	       " frauds caught   (Ctrl-C ends)%s",
	       paint(view, DIM), time, events, alerts, caught, frauds, paint(view, PLAIN));
	view->status_shown = true;
	fflush(stdout);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

void demo_view_summary(struct demo_view *view, const struct demo_totals *totals, bool interrupted)
{
	clear_status(view);
	printf("\n%s%s%s\n", paint(view, BOLD), interrupted ? "Ended early. So far:" : "Done.", paint(view, PLAIN));
	printf("  history    %" PRIu64 " events at %.0f events/s through broker, features, forest and transactions\n",
	       totals->history, totals->history_rate);
	printf("  live       %" PRIu64 " events:", totals->live);
	for (size_t i = OUTCOME_NUMBER; i-- > 0;)
		printf(" %" PRIu64 " %s%s", totals->outcomes[i], outcome_name((enum outcome)i), i > 0 ? "," : "\n");
	printf("  alerts     %" PRIu64 ", of them %" PRIu64 " frauds: precision %.0f %%\n", totals->alerts,
	       totals->true_alerts, percent(totals->true_alerts, totals->alerts));
	printf("  frauds     %" PRIu64 " simulated, %" PRIu64 " caught: recall %.0f %%\n", totals->frauds,
	       totals->caught, percent(totals->caught, totals->frauds));
	printf("\n%sNext%s\n", paint(view, BOLD), paint(view, PLAIN));
	printf("  look around      %s: configuration, events, vectors, model\n", totals->folder);
	printf("  your own topic   copy docs/examples/card-fraud/config.json, then outlierd check --config FILE "
	       "--online\n");
	printf("  the daemon       outlierd run --config FILE\n");
	printf("  prove it         make test\n");
	fflush(stdout);
}
