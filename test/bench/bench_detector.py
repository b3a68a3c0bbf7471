"""The forest against its peers on one core: `make bench-detector`.

Scoring, training and explaining with the same settings (100 trees of 256 rows) on the same Gaussian rows: outlierd
(test/bench/bench_detector, a process that is asked over a pipe), scikit-learn, isotree's C++ through its Python package,
and shap's C++ for explanations. All in one run and in turns, each figure the best of some rounds, in seconds of CPU time,
each with one thread. Fails where a requirement is not met.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import importlib.metadata
import subprocess
import sys
import tempfile
import time

import isotree
import numpy
import shap
from sklearn.ensemble import IsolationForest

ROWS = 100_000
COLUMNS = (4, 20, 100)
ROUNDS = 5
MISSING_ROWS = 0.1  # share of the rows that miss values
MISSING_VALUES = 2  # of each of them


class Ours:
    """The process that measures our side."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("bench_detector: our side has ended")
        return float(answer)

    def load(self, rows):
        with tempfile.NamedTemporaryFile(suffix=".rows") as file:
            numpy.ascontiguousarray(rows, dtype="<f8").tofile(file.name)
            self.ask("load", file.name, *rows.shape)


def seconds(work):
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def best_of(contenders, rounds=ROUNDS):
    """The best time of each contender (name to a function that gives seconds), taken in turns."""
    best = {}
    for _ in range(rounds):
        for name, measure in contenders.items():
            best[name] = min(best.get(name, 1e9), measure())
    return best


def fit_sklearn(rows):
    return IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1).fit(rows)


def fit_isotree(rows):
    forest = isotree.IsolationForest(ntrees=100, sample_size=256, max_depth=8, ndim=1, missing_action="fail", nthreads=1,
                                     random_seed=1, standardize_data=False)
    return forest.fit(rows)


def show(title, unit, scale, best):
    ours = best["outlierd"]
    figures = "  ".join(f"{name} {scale(value):,.{2 if unit != 'rows/s' else 0}f}" for name, value in best.items())
    ratios = ", ".join(f"{value / ours:.1f} x {name}" for name, value in best.items() if name != "outlierd")
    print(f"{title:42} {figures} {unit}{'  (' + ratios + ')' if ratios else ''}", flush=True)


def per_second(rows):
    return lambda value: rows / value


def bench_shape(ours, columns, random):
    """One table of columns; the best times at 100,000 rows."""
    rows = random.standard_normal((ROWS, columns))
    ours.load(rows)
    fits = best_of({"outlierd": lambda: ours.ask("fit"),
                    "scikit-learn": lambda: seconds(lambda: fit_sklearn(rows)),
                    "isotree": lambda: seconds(lambda: fit_isotree(rows))})
    show(f"train on {ROWS:,} x {columns}", "ms", lambda value: 1e3 * value, fits)
    forest, other = fit_sklearn(rows), fit_isotree(rows)
    scored = {}
    for count, calls in ((1, 100), (1_000, 10), (ROWS, 1)):
        some = numpy.ascontiguousarray(rows[:count])

        def repeat(work, some=some, calls=calls):
            return lambda: seconds(lambda: [work(some) for _ in range(calls)]) / calls

        def own(count=count, calls=calls):
            # A call of one row takes less than a clock shows: so many rows, one a call.
            return ours.ask("singly", 10_000) / 10_000 if count == 1 else sum(
                ours.ask("score", count) for _ in range(calls)) / calls

        scored[count] = best_of({"outlierd": own, "scikit-learn": repeat(forest.score_samples),
                                 "isotree": repeat(other.predict)})
        if count == 1:
            show(f"score 1 x {columns}", "us", lambda value: 1e6 * value, scored[count])
        else:
            show(f"score {count:,} x {columns}", "rows/s", per_second(count), scored[count])
    return rows, forest, fits, scored


def bench_missing(ours, rows, random):
    """Time with a tenth of the rows missing values, and without."""
    holes = rows.copy()
    for row in random.choice(ROWS, int(ROWS * MISSING_ROWS), replace=False):
        holes[row, random.choice(rows.shape[1], MISSING_VALUES, replace=False)] = numpy.nan
    best = {"whole": 1e9, "missing": 1e9}
    ours.load(rows)
    ours.ask("fit")
    for _ in range(ROUNDS):
        for name, values in (("whole", rows), ("missing", holes)):
            ours.load(values)
            best[name] = min(best[name], *(ours.ask("score", ROWS) for _ in range(3)))
    return best


def bench_explanations(ours, rows, forest):
    few = rows[:200].astype(numpy.float32).astype(numpy.float64)
    explainer = shap.TreeExplainer(forest)
    one = few[:1]
    explainer.shap_values(one)

    def by_shap():
        return seconds(lambda: [explainer.shap_values(few[i:i + 1]) for i in range(50)]) / 50

    def inside_shap():
        return seconds(lambda: explainer.shap_values(few)) / len(few)

    ours.load(rows)
    return best_of({"outlierd": lambda: ours.ask("explain", 200) / 200, "shap (one call a row)": by_shap,
                    "shap (200 rows a call)": inside_shap})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built bench_detector")
    ours = Ours(parser.parse_args().program)
    random = numpy.random.default_rng(7)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scikit-learn", "isotree", "shap", "numpy"))
    print(f"{versions}; 100 trees of 256 rows, one thread each, best of rounds in turns")
    results = {columns: bench_shape(ours, columns, random) for columns in COLUMNS}
    rows, forest, fits, scored = results[20]
    missing = bench_missing(ours, rows, random)
    share = missing["whole"] / missing["missing"]
    print(f"{'score with missing values, 10 % of rows':42} {ROWS / missing['missing']:,.0f} rows/s, "
          f"without {ROWS / missing['whole']:,.0f} rows/s: {share:.0%}")
    explained = bench_explanations(ours, rows, forest)
    show("explain one row of 20", "ms", lambda value: 1e3 * value, explained)
    requirements = [
        ("times scikit-learn at 100,000 x 20", scored[ROWS]["scikit-learn"] / scored[ROWS]["outlierd"], 5.0, True),
        ("times isotree at 100,000 x 20", scored[ROWS]["isotree"] / scored[ROWS]["outlierd"], 8.0, True),
        ("us for one row", 1e6 * scored[1]["outlierd"], 1.5, False),
        ("of the speed with 10 % of rows missing values", share, 0.6, True),
        ("ms to train on 100,000 x 20", 1e3 * fits["outlierd"], 5.0, False),
        ("ms to explain a row", 1e3 * explained["outlierd"], 0.25, False),
    ]
    failed = 0
    for what, value, limit, at_least in requirements:
        kept = value >= limit if at_least else value <= limit
        failed += not kept
        print(f"bench_detector: {'ok' if kept else 'NOT KEPT'}: {value:.2f} {what}, "
              f"{'at least' if at_least else 'at most'} {limit:g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
