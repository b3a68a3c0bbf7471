#!/usr/bin/env python3
"""The reader of model files that docs/model-file.md shows, run as it stands there, scores as `outlierd score` does.

    model_reader.py --binary build/outlierd [--seed N]

Needs no servers and no packages. The rows are others in every run; a failure prints the seed that makes them again. The
last line is "N passed, N failed".
"""

import argparse
import ast
import csv
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPORTED = ROOT / "test/data/sklearn/forest.json"
LINES_MAX = 40
OLDEST = (3, 9)
ROWS, TRAINED_ROWS = 500, 1500
NAMES = ["amount", "count", "hour, \"local\"", "größe"]
ODD = (0.0, -0.0, 1e300, -1e300, 3.5e38, 1e-320, 0.1, 2.0**24 + 1)


def reader():
    """The code of the documentation, run: its names."""
    text = (ROOT / "docs/model-file.md").read_text(encoding="utf-8")
    code = re.search(r"## A reader in Python\n.*?```python\n(.*?)```", text, re.S)[1]
    assert code.count("\n") <= LINES_MAX, f"it has {code.count(chr(10))} lines"
    tree = ast.parse(code, feature_version=OLDEST)
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert modules <= sys.stdlib_module_names and not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    names = {}
    exec(compile(code, "docs/model-file.md", "exec"), names)
    return names


class Bench:
    """The program, a folder, the reader."""

    def __init__(self, binary, folder, seed):
        self.binary, self.folder, self.seed = binary, folder, seed
        self.code = reader()
        self.chance = random.Random(seed)

    def run(self, *arguments, status=0):
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}: {done.stderr}"
        return done.stderr

    def write(self, name, names, rows):
        with open(self.folder / name, "w", newline="", encoding="utf-8") as text:
            csv.writer(text).writerows([names, *[["" if v is None else repr(v) for v in row] for row in rows]])
        return self.folder / name

    def trained(self, *options):
        scales = [10.0 ** self.chance.randint(-3, 6) for _ in NAMES]
        value = lambda scale: None if self.chance.random() < 0.1 else self.chance.gauss(0, 1) * scale
        rows = self.write("train.csv", NAMES, [[value(scale) for scale in scales] for _ in range(TRAINED_ROWS)])
        model = self.folder / "model.json"
        self.run("train", "--input", rows, "--output", model, "--trees", 40, "--seed", self.seed, *options)

    def imported(self, document):
        (self.folder / "forest.json").write_text(json.dumps(document))
        self.run("model", "import", "--input", self.folder / "forest.json", "--output", self.folder / "model.json")

    def rows(self, model, missing):
        """Anything, thresholds and their neighbours, and what no float32 holds."""
        splits = [
            (feature, threshold)
            for tree in model["trees"]
            for feature, threshold in zip(tree["feature"], tree["threshold"])
            if feature >= 0
        ] or [(0, 0.0)]
        rows = []
        for _ in range(ROWS):
            row = [self.chance.choice(ODD) for _ in model["features"]]
            for feature, threshold in self.chance.choices(splits, k=3 * len(row)):
                near = (threshold, math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf))
                row[feature] = self.chance.choice((*near, threshold + self.chance.gauss(0, 1), threshold * 1.001))
            rows.append([None if self.chance.random() < missing else value for value in row])
        return rows

    def compare(self, missing=0.2):
        """Scores the model's rows both ways; how many were alike in every bit."""
        model = self.code["read_model"](self.folder / "model.json")
        names, rows = [feature["name"] for feature in model["features"]], self.rows(model, missing)
        vectors, out = self.write("rows.csv", names, rows), self.folder / "scores.csv"
        self.run("score", "--model", self.folder / "model.json", "--input", vectors, "--output", out)
        with open(out, newline="") as text:
            wanted = [float(row["_score"]) for row in csv.DictReader(text)]
        scores = [self.code["score"](model, row) for row in rows]
        assert scores == [self.code["score"](model, dict(zip(names, row))) for row in rows]
        assert len(wanted) == len(scores) and len(set(wanted)) > (1 if model["c_psi"] else 0)
        worst = max(abs(ours - theirs) / math.ulp(min(ours, theirs)) for ours, theirs in zip(scores, wanted))
        assert worst <= 1, f"scores are up to {worst} units in the last place apart"
        return f"{sum(map(float.__eq__, scores, wanted))} of {ROWS} rows bit for bit, others in the last bit"


def a_trained_model(bench):
    bench.trained()
    return bench.compare()


def a_model_with_leaves_by_density(bench):
    bench.trained("--leaf-value", "density")
    return bench.compare()


def a_model_of_deep_trees(bench):
    bench.trained("--sample", TRAINED_ROWS)
    return bench.compare()


def a_model_of_single_rows(bench):
    bench.trained("--sample", 1)
    return bench.compare()


def an_imported_forest(bench):
    bench.imported(json.loads(EXPORTED.read_text()))
    return bench.compare(missing=0.3)


def an_imported_forest_that_refuses_missing_values(bench):
    document = json.loads(EXPORTED.read_text())
    for tree in document["trees"]:
        del tree["missing_go_to_left"]
    bench.imported(document)
    said = bench.compare(missing=0)
    model = bench.code["read_model"](bench.folder / "model.json")
    assert model["missing"] == "refused"
    try:
        bench.code["score"](model, [1.0, None, 2.0])
    except ValueError:
        return said
    raise AssertionError("a missing value was not refused")


def a_file_that_is_no_model_is_refused(bench):
    for change in ({"version": 2}, {"kind": "other"}):
        (bench.folder / "other.json").write_text(json.dumps({"kind": "isolation_forest", "version": 1, **change}))
        try:
            bench.code["read_model"](bench.folder / "other.json")
        except ValueError:
            continue
        raise AssertionError(f"{change} was not refused")


CASES = (
    a_trained_model,
    a_model_with_leaves_by_density,
    a_model_of_deep_trees,
    a_model_of_single_rows,
    an_imported_forest,
    an_imported_forest_that_refuses_missing_values,
    a_file_that_is_no_model_is_refused,
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**40)
    passed = failed = 0
    print(f"  --seed {seed}")
    for case in CASES:
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="outlierd-test-") as folder:
                said = case(Bench(options.binary.resolve(), pathlib.Path(folder), seed))
            passed += 1
            print(f"ok   {time.monotonic() - began:5.1f} s  {case.__name__}{f': {said}' if said else ''}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {time.monotonic() - began:5.1f} s  {case.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
