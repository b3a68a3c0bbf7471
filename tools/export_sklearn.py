#!/usr/bin/env python3
"""Writes an isolation forest fitted by scikit-learn (1.2 or newer) as JSON for `outlierd model import`.

    from export_sklearn import export
    export(forest, "forest.json.gz")

    python3 export_sklearn.py MODEL.joblib forest.json.gz [--features amount,count_1h,...]

The command loads a joblib or pickle file, and loading one runs whatever code is in it: only for files that you made, or
that come from somebody whose programs you would run.
"""

import argparse
import gzip
import json
import os
import sys
import warnings

import numpy
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.ensemble import _iforest
from sklearn.pipeline import Pipeline

OLDEST = (1, 2)
FORMAT, VERSION = "outlierd sklearn export", 1
GREATEST_FLOAT32 = float(numpy.finfo(numpy.float32).max)
CHECKED_ROWS = 16


class ExportError(ValueError):
    """Why a model cannot be exported."""


def export(model, file, feature_names=None):
    """Writes a fitted IsolationForest, or a Pipeline whose only step is one, to a path (gzipped where it ends in .gz) or
    to a text file. feature_names: the columns' names in their order; without them those of the DataFrame that the model
    was fitted on, if it was. Raises ExportError."""
    forest = _forest_of(model)
    document = _document(forest, feature_names)
    _check_scores(forest, document)
    if not isinstance(file, (str, os.PathLike)):
        _write(document, file)
    elif os.fspath(file).endswith(".gz"):
        # Neither time nor name in the header: the same forest gives the same bytes.
        with open(file, "wb") as plain, gzip.GzipFile("", "wb", mtime=0, fileobj=plain) as packed:
            packed.write(json.dumps(document, allow_nan=False).encode() + b"\n")
    else:
        with open(file, "w", encoding="ascii") as text:
            _write(document, text)


def _write(document, text):
    json.dump(document, text, allow_nan=False)
    text.write("\n")


def _forest_of(model):
    if isinstance(model, Pipeline):
        steps = [(name, step) for name, step in model.steps if step is not None and step != "passthrough"]
        if len(steps) != 1:
            names = ", ".join(f"{name}: {type(step).__name__}" for name, step in steps)
            raise ExportError(
                f"the pipeline transforms its input before the forest sees it ({names}), and outlierd would not: fit the "
                "forest on the features as outlierd computes them (a forest needs no scaling), or export the last step "
                "alone and give outlierd transformed vectors"
            )
        return _forest_of(steps[0][1])
    if type(model) is not IsolationForest:
        raise ExportError(f"a fitted sklearn.ensemble.IsolationForest is needed, not {type(model).__name__}")
    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    if version < OLDEST:
        raise ExportError(f"scikit-learn {sklearn.__version__} is too old: 1.2 or newer is needed")
    if not hasattr(model, "offset_"):
        raise ExportError("the forest is not fitted")
    return model


def _names(forest, given):
    names = given if given is not None else getattr(forest, "feature_names_in_", None)
    if names is None:
        return None
    names = [str(name) for name in names]
    if len(names) != forest.n_features_in_:
        raise ExportError(f"{len(names)} feature names, but the forest has {forest.n_features_in_} columns")
    if len(set(names)) != len(names):
        raise ExportError("a feature name stands twice")
    return names


def _allows_missing(forest):
    """Since 1.6 the forest takes missing values; the trees of versions before have the array, too, but nothing in it."""
    tags = getattr(forest, "__sklearn_tags__", None)
    return tags is not None and tags().input_tags.allow_nan


def _leaf_values(forest, number, tree):
    """c(n) of every node: as fitted where the forest keeps it (since 1.3)."""
    kept = getattr(forest, "_average_path_length_per_tree", None)
    return kept[number] if kept is not None else _iforest._average_path_length(tree.n_node_samples)


def _tree(forest, number):
    tree = forest.estimators_[number].tree_
    columns = forest.estimators_features_[number]  # with max_features < 1 a tree counts in its own columns
    leaf = tree.children_left < 0
    arrays = {
        "left": tree.children_left,
        "right": tree.children_right,
        "feature": numpy.where(leaf, -1, columns[numpy.where(leaf, 0, tree.feature)]),
        "threshold": numpy.where(leaf, 0.0, numpy.minimum(tree.threshold, GREATEST_FLOAT32)),
        "n": tree.n_node_samples,
        "value": numpy.where(leaf, _leaf_values(forest, number, tree), 0.0),
    }
    if _allows_missing(forest):
        arrays["missing_go_to_left"] = numpy.where(leaf, 0, tree.missing_go_to_left)
    return {name: array.tolist() for name, array in arrays.items()}


def _document(forest, feature_names):
    contamination = forest.contamination
    document = {
        "format": FORMAT,
        "version": VERSION,
        "sklearn_version": sklearn.__version__,
        "n_features": int(forest.n_features_in_),
        "n_trees": len(forest.estimators_),
        "max_samples": int(forest.max_samples_),
        "c_max_samples": float(_iforest._average_path_length([forest.max_samples_])[0]),
        "offset": float(forest.offset_),
        "contamination": contamination if isinstance(contamination, str) else float(contamination),
    }
    names = _names(forest, feature_names)
    if names is not None:
        document["feature_names"] = names
    document["trees"] = [_tree(forest, number) for number in range(len(forest.estimators_))]
    return document


def _path_length(tree, row):
    node = depth = 0
    while tree["left"][node] >= 0:
        value = row[tree["feature"][node]]
        if numpy.isnan(value):
            left = tree["missing_go_to_left"][node] == 1
        else:
            left = float(value) <= tree["threshold"][node]
        node = tree["left" if left else "right"][node]
        depth += 1
    return depth + tree["value"][node]


def _check_scores(forest, document):
    """Some rows, many of their values thresholds, must have the score that the forest itself gives: a later scikit-learn
    that means something else by these arrays is noticed here."""
    generator = numpy.random.default_rng(1)
    rows = generator.normal(size=(CHECKED_ROWS, document["n_features"])).astype(numpy.float32)
    for tree in document["trees"]:
        for feature, threshold in zip(tree["feature"], tree["threshold"]):
            if feature >= 0:
                rows[generator.integers(CHECKED_ROWS), feature] = threshold
    if _allows_missing(forest):
        rows[generator.random(rows.shape) < 0.1] = numpy.nan
    divisor = len(document["trees"]) * document["c_max_samples"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these rows have no names
        scores = -forest.score_samples(rows)
    for row, wanted in zip(rows, scores):
        total = sum(_path_length(tree, row) for tree in document["trees"])
        score = 2.0 ** -(total / divisor) if divisor > 0 else 0.5
        if abs(score - wanted) > 1e-12:
            raise ExportError(
                f"scikit-learn {sklearn.__version__} scores in another way than this exporter knows: {score!r} instead of "
                f"{wanted!r}"
            )


def _load(path):
    import joblib

    print(f"warning: loading {path} runs whatever code is in it", file=sys.stderr)
    return joblib.load(path)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog="Loading a pickle runs whatever code is in it."
    )
    parser.add_argument("model", help="a joblib or pickle file of an IsolationForest: only one whose maker you trust")
    parser.add_argument("output", help="the JSON file, gzipped where its name ends in .gz")
    parser.add_argument("--features", metavar="A,B,...", help="the columns' names in their order")
    options = parser.parse_args(arguments)
    names = None if options.features is None else options.features.split(",")
    try:
        export(_load(options.model), options.output, names)
    except ExportError as problem:
        sys.exit(f"export_sklearn: {options.model}: {problem}")


if __name__ == "__main__":
    main()
