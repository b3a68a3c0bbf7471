"""How well the forest tells anomalies apart: `make quality`.

ROC-AUC and PR-AUC (average precision) over ten seeds, as mean and standard deviation, of `outlierd train` and
`outlierd score` beside scikit-learn in the same program: 100 trees of 256 rows, fitted and scored on the whole file
(fraudsim: fitted on one week, scored on a later one). Where scikit-learn is better by more than three standard errors of
the difference, the program fails. Data: labelled CSV files (--data, a folder of NAME.csv.gz with a last column `label`;
left out where there is none) and the sets of r-cran-mlbench.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
import warnings

import numpy
import rdata
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

SEEDS = 10
ERRORS = 3.0


def read_csv(path):
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        values = numpy.array([[float(text) for text in row] for row in rows])
    label = header.index("label")
    return numpy.delete(values, label, axis=1), values[:, label] == 1


def handed_out(folder):
    """(name, training rows, rows, labels) of each file there is."""
    for name in ("breastw", "cardio", "creditcard10k", "ionosphere", "satellite", "shuttle"):
        path = os.path.join(folder, name + ".csv.gz")
        if os.path.exists(path):
            rows, labels = read_csv(path)
            yield name, rows, rows, labels
    path = os.path.join(folder, "fraudsim_train.csv.gz")
    if os.path.exists(path):
        train, _ = read_csv(path)
        rows, labels = read_csv(path.replace("_train", "_test"))
        yield "fraudsim", train, rows, labels


def mlbench(folder):
    """The same of mlbench's sets: the usual anomaly classes, rows with missing values left out."""
    kinds = {
        "BreastCancer": ("Class", ("malignant",), ("Id",)),
        "Ionosphere": ("Class", ("bad",), ()),
        "PimaIndiansDiabetes": ("diabetes", ("pos",), ()),
        "Satellite": ("classes", ("cotton crop", "damp grey soil", "vegetation stubble"), ()),
        "Shuttle": ("Class", ("Fpv.Close", "Fpv.Open", "Bypass", "Bpv.Close", "Bpv.Open"), ()),
    }
    for name, (label, anomalous, ignored) in kinds.items():
        path = os.path.join(folder, "usr/lib/R/site-library/mlbench/data", name + ".rda")
        frame = rdata.read_rda(path)[name]
        if name == "Shuttle":
            frame = frame[frame[label] != "High"]
        labels = frame[label].isin(anomalous).to_numpy()
        columns = frame.drop(columns=[label, *ignored]).apply(lambda column: column.astype(str).astype(float))
        rows = columns.to_numpy()
        whole = ~numpy.isnan(rows).any(axis=1)
        rows, labels = rows[whole], labels[whole]
        yield "mlbench " + name, rows, rows, labels


def write_rows(path, rows):
    with open(path, "w") as file:
        file.write(",".join(f"x{column}" for column in range(rows.shape[1])) + "\n")
        for row in rows:
            file.write(",".join(repr(float(value)) for value in row) + "\n")


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"quality: {' '.join(words)}: {done.stderr}")


def ours(binary, folder, train, rows, seed, options):
    model, scores = os.path.join(folder, "model"), os.path.join(folder, "scores.csv")
    run(binary, "train", "--input", train, "--output", model, "--seed", str(seed), *options)
    run(binary, "score", "--model", model, "--input", rows, "--output", scores)
    with open(scores, newline="") as file:
        return numpy.array([float(row["_score"]) for row in csv.DictReader(file)])


def peer(train, rows, seed):
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=seed, n_jobs=1).fit(train)
    return -forest.score_samples(rows)


def quality(labels, scores):
    return roc_auc_score(labels, scores), average_precision_score(labels, scores)


def compare(binary, train, rows, labels, variants):
    """Variant to an array of (ROC-AUC, PR-AUC) by seed."""
    found = {name: [] for name in ("scikit-learn", *variants)}
    with tempfile.TemporaryDirectory() as folder:
        train_file, rows_file = os.path.join(folder, "train.csv"), os.path.join(folder, "rows.csv")
        write_rows(rows_file, rows)
        if train is rows:
            train_file = rows_file
        else:
            write_rows(train_file, train)
        for seed in range(SEEDS):
            found["scikit-learn"].append(quality(labels, peer(train, rows, seed)))
            for name, options in variants.items():
                found[name].append(quality(labels, ours(binary, folder, train_file, rows_file, seed, options)))
    return {name: numpy.array(values) for name, values in found.items()}


def cell(values, column):
    return f"{values[:, column].mean():.4f} ({values[:, column].std(ddof=1):.4f})"


def worse(peers, values, column):
    """By how many standard errors of the difference scikit-learn is better."""
    difference = peers[:, column].mean() - values[:, column].mean()
    error = numpy.sqrt((peers[:, column].var(ddof=1) + values[:, column].var(ddof=1)) / SEEDS)
    return difference / error if error > 0 else 0.0 if difference <= 0 else numpy.inf


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="build/outlierd")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--mlbench", required=True)
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=OPTIONS",
                        help="a further column: the options of `train` that make it")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="rdata")  # that a file does not name its encoding
    variants = {"outlierd": []}
    variants["leaves by density"] = ["--leaf-value", "density"]
    variants["cuts by gain"] = ["--cuts", "gain"]
    for variant in arguments.variant:
        name, _, options = variant.partition("=")
        variants[name] = options.split()
    print(f"scikit-learn {sklearn.__version__}; 100 trees of 256 rows; mean (standard deviation) of {SEEDS} seeds\n")
    names = ("scikit-learn", *variants)
    print("| set | rows x columns | anomalies | " + " | ".join(f"{name}: ROC-AUC | PR-AUC" for name in names) + " |")
    print("|---|--:|--:|" + "--:|--:|" * len(names))
    failed = []
    for source in (handed_out(arguments.data), mlbench(arguments.mlbench)):
        for name, train, rows, labels in source:
            found = compare(arguments.binary, train, rows, labels, variants)
            cells = " | ".join(f"{cell(found[variant], 0)} | {cell(found[variant], 1)}" for variant in names)
            print(f"| {name} | {rows.shape[0]:,} x {rows.shape[1]} | {labels.mean():.2%} | {cells} |", flush=True)
            for column, measure in enumerate(("ROC-AUC", "PR-AUC")):
                errors = worse(found["scikit-learn"], found["outlierd"], column)
                if errors > ERRORS:
                    failed.append(f"{name}: {measure} is {errors:.1f} standard errors below scikit-learn's")
    print("\n" + ("\n".join(failed) if failed else f"quality: ok: on every set inside {ERRORS:g} standard errors of "
                                                   "scikit-learn, or above"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
