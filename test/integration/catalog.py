"""The list of all tests: every module's functions that are marked with @case, in the order in which they start."""

import importlib

ALL = []
MODULES = (
    "cases_audit",
    "cases_explain",
    "cases_faults",
    "cases_halts",
    "cases_late",
    "cases_init",
    "cases_parity",
    "cases_past",
    "cases_permissions",
    "cases_recovery",
    "cases_replay",
    "cases_service",
    "cases_stages",
    "cases_torture",
)


def case(function):
    """Marks a test: a function of a Scene, whose name says the behaviour."""
    ALL.append(function)
    return function


def load():
    for module in MODULES:
        importlib.import_module(module)
