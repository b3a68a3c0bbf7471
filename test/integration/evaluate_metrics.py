#!/usr/bin/env python3
"""outlierd evaluate against scikit-learn's metrics and a rescan in plain Python: random scores with ties, weights, days,
costs. Areas, precision and recall must agree to 1e-12.

    evaluate_metrics.py --binary build/outlierd [--rounds 60]
"""
import argparse
import json
import math
import random
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

DAY_MS = 86_400_000
TOLERANCE = 1e-12
THRESHOLDS = (0.2, 0.5, 0.8)
TOPS = (1, 7, 40)
PER_DAY = (1, 3)
OFFSET_HOURS = -5


def make_rows(rng):
    """Rows as dictionaries: heavy ties in some rounds, weights that are often 0 in others."""
    count = rng.choice([5, 50, 400])
    levels = rng.choice([3, 20, 10**9])
    rows = []
    for i in range(count):
        positive = i < 2 or (i > 3 and rng.random() < rng.choice([0.05, 0.5]))
        score = rng.randrange(levels) / levels * 0.8 + (0.2 * rng.random() if levels > 20 else 0.0)
        rows.append({
            "_event_id": f"e{i}", "_time_ms": rng.randrange(-2 * DAY_MS, 5 * DAY_MS), "_score": score,
            "weight": rng.choice([0, 0.25, 1, 3]) if i > 3 else 1, "amount": round(100 * rng.random(), 2),
            "label": int(positive),
        })
    return rows


def write_csv(path, rows, columns):
    with open(path, "w", encoding="ascii") as file:
        print(",".join(columns), file=file)
        for row in rows:
            print(",".join(repr(row[c]) if isinstance(row[c], float) else str(row[c]) for c in columns), file=file)


def top(rows, k):
    """Weight and caught weight of the k highest; of equal scores each counts with the share that has room."""
    alerts = caught = 0.0
    by_score = defaultdict(list)
    for row in rows:
        by_score[row["_score"]].append(row)
    for score in sorted(by_score, reverse=True):
        weight = sum(r["weight"] for r in by_score[score])
        share = min(1.0, (k - alerts) / weight) if weight else 0.0
        if alerts >= k:
            break
        alerts += share * weight
        caught += share * sum(r["weight"] * r["label"] for r in by_score[score])
    return alerts, caught


def cheapest(rows, alert_cost):
    """Loss of every threshold, looked for one by one: the least."""
    best = (sum(r["weight"] * r["label"] * r["amount"] for r in rows), math.inf)
    for threshold in {r["_score"] for r in rows}:
        loss = sum(r["weight"] * (alert_cost if r["_score"] >= threshold else r["label"] * r["amount"]) for r in rows)
        if loss < best[0] - 1e-9:
            best = (loss, threshold)
    return best


class Check:
    def __init__(self):
        self.passed = self.failed = 0

    def near(self, what, found, wanted, tolerance=TOLERANCE):
        good = found is not None and abs(found - wanted) <= tolerance * max(1.0, abs(wanted))
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAIL {what}: {found}, not {wanted}")


def check_round(check, number, binary, folder):
    rng = random.Random(number)
    rows = make_rows(rng)
    labels, scores = [r["label"] for r in rows], [r["_score"] for r in rows]
    weights = [r["weight"] for r in rows]
    alert_cost = rng.choice([0.5, 10, 60])
    path, labels_path = folder / "scores.csv", folder / "labels.csv"
    joined = number % 2 == 1
    write_csv(path, rows, [c for c in rows[0] if not (joined and c == "label")])
    shuffled = rows[:]
    rng.shuffle(shuffled)
    write_csv(labels_path, shuffled, ["_event_id", "label"])
    command = [binary, "evaluate", "--json", "--scores", path, "--weight", "weight", "--bootstrap", "0",
               "--threshold", ",".join(map(str, THRESHOLDS)), "--at", ",".join(map(str, TOPS)),
               "--per-day", ",".join(map(str, PER_DAY)), "--utc-offset", f"-{-OFFSET_HOURS:02}:00",
               "--cost-miss", "amount", "--cost-alert", str(alert_cost)]
    command += ["--labels", labels_path] if joined else ["--label", "label"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    name = f"round {number}"
    check.near(f"{name}: roc_auc", found["roc_auc"], roc_auc_score(labels, scores, sample_weight=weights))
    check.near(f"{name}: pr_auc", found["pr_auc"], average_precision_score(labels, scores, sample_weight=weights))
    for at, threshold in zip(found["thresholds"], THRESHOLDS):
        predicted = [s >= threshold for s in scores]
        weight = sum(w for w, p in zip(weights, predicted) if p)
        if weight:
            check.near(f"{name}: precision at {threshold}", at["precision"],
                       precision_score(labels, predicted, sample_weight=weights, zero_division=0))
        check.near(f"{name}: recall at {threshold}", at["recall"],
                   recall_score(labels, predicted, sample_weight=weights))
    for at, k in zip(found["at"], TOPS):
        alerts, caught = top(rows, k)
        check.near(f"{name}: alerts of {k}", at["alerts"], alerts)
        check.near(f"{name}: caught of {k}", at["caught"], caught)
    days = defaultdict(list)
    for row in rows:
        days[(row["_time_ms"] + OFFSET_HOURS * 3_600_000) // DAY_MS].append(row)
    for at, k in zip(found["per_day"], PER_DAY):
        caught = [top(day, k)[1] for day in days.values()]
        check.near(f"{name}: days", at["days"], len(days))
        check.near(f"{name}: caught of {k} a day", at["caught"], sum(caught))
        check.near(f"{name}: mean precision of {k} a day", at["precision_mean"], sum(caught) / k / len(days))
    loss, threshold = cheapest(rows, alert_cost)
    check.near(f"{name}: loss", found["cost"]["loss"], loss, 1e-9)
    if threshold < math.inf and found["cost"]["threshold"] is not None:
        at = found["cost"]["threshold"]
        again = sum(r["weight"] * (alert_cost if r["_score"] >= at else r["label"] * r["amount"]) for r in rows)
        check.near(f"{name}: loss of the threshold", again, loss, 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    check = Check()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            check_round(check, number, arguments.binary, Path(folder))
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
