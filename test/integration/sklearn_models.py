#!/usr/bin/env python3
"""Forests fitted by scikit-learn, exported by tools/export_sklearn.py and imported by outlierd, score and explain alike.

    sklearn_models.py --binary build/outlierd [--models 1000] [--seed N]

Runs in an environment with scikit-learn, and compares contributions where shap is installed, too. The models are others
in every run; a failure prints the seed that makes it again. Needs no servers. The last line is "N passed, N failed".
"""

import argparse
import csv
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

import numpy
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from export_sklearn import ExportError, export  # noqa: E402

try:
    import shap
except ImportError:
    shap = None

ROWS_SCORED = 24
CONTRIBUTION_TOLERANCE = 1e-12
TAKES_MISSING = hasattr(IsolationForest, "__sklearn_tags__")  # since 1.6


class Bench:
    """The program and a folder."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, *arguments, status=0):
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}: {done.stderr}"
        return done.stderr

    def imported(self, model, *arguments, **options):
        """The model's file, and what import said."""
        exported, file = self.folder / "forest.json.gz", self.folder / "model.json"
        export(model, exported, **options)
        return file, self.run("model", "import", "--input", exported, "--output", file, *arguments)

    def scored(self, file, rows, names):
        """Scores, bases and contributions."""
        vectors, out = self.folder / "vectors.csv", self.folder / "scores.csv"
        with open(vectors, "w", newline="") as text:
            csv.writer(text).writerows([names, *[["" if v != v else repr(v) for v in row] for row in rows.tolist()]])
        self.run("score", "--model", file, "--input", vectors, "--output", out, "--explain")
        with open(out, newline="") as text:
            columns = list(csv.DictReader(text))
        numbers = lambda name: numpy.array([float(row[name]) for row in columns])
        return numbers("_score"), numbers("_base"), numpy.array([numbers(f"_phi_{name}") for name in names]).T


def random_rows(chance, rows, columns, missing):
    """Columns of every kind: plain, heavy-tailed, ties, constant, tiny, huge."""
    generator = numpy.random.default_rng(chance.getrandbits(64))
    values = generator.normal(size=(rows, columns))
    for column in range(columns):
        kind = chance.randrange(7)
        if kind == 1:
            values[:, column] = numpy.exp(3 * values[:, column])
        elif kind == 2:
            values[:, column] = numpy.round(2 * values[:, column])
        elif kind == 3:
            values[:, column] = 7.25
        elif kind == 4:
            values[:, column] *= 1e-38
        elif kind == 5:
            values[:, column] *= 1e37
    if missing:
        values[generator.random(values.shape) < 0.15] = numpy.nan
    return values


def random_forest(chance, missing):
    columns, rows = chance.randint(1, 12), chance.choice([2, 3, 10, 50, 300])
    values = random_rows(chance, rows, columns, missing)
    forest = IsolationForest(
        n_estimators=chance.choice([1, 2, 5, 15, 30]),
        max_samples=chance.choice(["auto", 1, 2, min(rows, 33), 0.5, 1.0]),
        max_features=chance.choice([1.0, 1.0, 1, 0.3, 0.7]),
        contamination=chance.choice(["auto", 0.01, 0.1, 0.5]),
        bootstrap=chance.random() < 0.15,
        random_state=chance.randrange(2**31),
    )
    return forest.fit(values), values


def rows_to_score(chance, forest, values, missing):
    """Training rows, others, and thresholds with their neighbours."""
    columns = values.shape[1]
    rows = numpy.concatenate([values[: ROWS_SCORED // 3], random_rows(chance, ROWS_SCORED, columns, missing)])
    rows = rows[:ROWS_SCORED]
    for _ in range(2 * columns):
        number = chance.randrange(len(forest.estimators_))
        tree, own = forest.estimators_[number].tree_, forest.estimators_features_[number]
        node = chance.randrange(tree.node_count)
        if tree.children_left[node] >= 0:
            threshold = tree.threshold[node]
            near = [threshold, numpy.nextafter(threshold, numpy.inf), float(numpy.float32(threshold))]
            rows[chance.randrange(ROWS_SCORED), own[tree.feature[node]]] = chance.choice(near)
    return rows


def expect_same_score(ours, theirs):
    """At most one unit in the last place apart."""
    apart = numpy.abs(ours - theirs) / numpy.spacing(numpy.minimum(ours, theirs))
    assert apart.max() <= 1, f"scores are up to {apart.max()} units in the last place apart"
    return apart.max()


def shap_reads(forest, missing):
    """False where shap takes the forest for another one than it is: it has two different weights for a bootstrap's node,
    sends missing values its own way, and fails on trees of one column (it takes -2, a leaf's, for the last but one)."""
    return not forest.bootstrap and not missing and len(forest.estimators_features_[0]) > 1


def trees_for_shap(forest):
    """The forest's trees in shap's own form."""
    trees = []
    for estimator, columns in zip(forest.estimators_, forest.estimators_features_):
        tree = estimator.tree_
        left, right, rows = tree.children_left, tree.children_right, tree.n_node_samples
        leaf = left < 0
        depths, values = numpy.zeros(len(left)), _average_path_length(rows)
        for node in numpy.flatnonzero(~leaf):  # a node stands before those below it
            depths[[left[node], right[node]]] = depths[node] + 1
        values += depths
        for node in numpy.flatnonzero(~leaf)[::-1]:
            sides = [left[node], right[node]]
            values[node] = (rows[sides] * values[sides]).sum() / rows[node]
        trees.append(
            {
                "children_left": left,
                "children_right": right,
                "children_default": numpy.where(tree.missing_go_to_left == 1, left, right),
                "features": numpy.where(leaf, -2, columns[numpy.where(leaf, 0, tree.feature)]),
                "thresholds": tree.threshold,
                "values": values.reshape(-1, 1) / len(forest.estimators_),
                "node_sample_weight": rows.astype(float),
            }
        )
    return {"trees": trees, "internal_dtype": numpy.float64, "input_dtype": numpy.float32, "tree_output": "raw_value"}


def expect_same_contributions(model, rows, base, contributions):
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    # shap takes rows as doubles, and the forest's trees were asked in float32.
    theirs = explainer.shap_values(rows.astype(numpy.float32), check_additivity=False)
    worst = max(numpy.abs(contributions - theirs).max(), numpy.abs(base - explainer.expected_value).max())
    assert worst <= CONTRIBUTION_TOLERANCE, f"contributions are up to {worst} apart"
    return worst


def compare(bench, seed):
    """One random forest. Gives the greatest distance of a score, in units in the last place, that of a contribution (None
    without shap), and whether shap read the forest itself."""
    chance = random.Random(seed)
    missing = TAKES_MISSING and chance.random() < 0.25
    forest, values = random_forest(chance, missing)
    rows = rows_to_score(chance, forest, values, missing)
    names = [f"x{column}" for column in range(values.shape[1])]
    file, _ = bench.imported(forest)
    scores, base, contributions = bench.scored(file, rows, names)
    apart = expect_same_score(scores, -forest.score_samples(rows))
    outliers = forest.predict(rows) == -1
    clear = numpy.abs(scores + forest.offset_) > 1e-12
    assert (outliers == (scores > -forest.offset_))[clear].all()
    if shap is None:
        return apart, None, False
    itself = shap_reads(forest, missing)
    model = forest if itself else trees_for_shap(forest)
    return apart, expect_same_contributions(model, rows, base, contributions), itself


def random_models(bench, options):
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**40)
    print(f"  --seed {seed}, scikit-learn {sklearn.__version__}", flush=True)
    exact, worst, explained, read = 0, 0.0, 0, 0
    for number in range(options.models):
        try:
            apart, distance, itself = compare(bench, seed + number)
        except BaseException as problem:
            raise AssertionError(f"--models 1 --seed {seed + number}") from problem
        exact += apart == 0
        if distance is not None:
            worst, explained, read = max(worst, distance), explained + 1, read + itself
    print(
        f"  {options.models} models, the scores of {exact} bit for bit; contributions of {explained} ({read} read by shap, "
        f"the others given to it tree by tree): {worst:.2g} apart"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    passed = failed = 0
    warnings.simplefilter("ignore")
    for case in (random_models,):
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="outlierd-test-") as folder:
                case(Bench(options.binary.resolve(), pathlib.Path(folder)), options)
            passed += 1
            print(f"ok   {time.monotonic() - began:5.1f} s  {case.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {time.monotonic() - began:5.1f} s  {case.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
