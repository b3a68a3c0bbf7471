#!/usr/bin/env python3
"""Integration tests: the built outlierd against real Kafka, Redis and schema registry, as a user would run it.

  run.py --binary build/outlierd [--programs build/test/integration] [--only TEXT] [--jobs N] [--keep]

One broker and one registry serve the whole run; every test has its own topics, group, Redis and folder. The C programs
in --programs are run too. The last line is "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)  # of packages: nothing that these tests could mend

import catalog
from daemons import Outlierd
from scene import Scene
from servers import Kafka, Registry, start_process
from topics import Topics
from world import World

PROGRAM_SECONDS = 300


class Results:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = 0

    def add(self, name, seconds, problem=None, count=(1, 0), checks=()):
        with self.lock:
            self.passed += count[0] + len(checks)
            self.failed += count[1]
            for check in checks:
                print(f"ok            {name}: {check}")
            print(f"{'ok  ' if problem is None else 'FAIL'} {seconds:5.1f} s  {name}")
            if problem is not None:
                print("    " + problem.rstrip().replace("\n", "\n    "))
            sys.stdout.flush()


def run_case(world, results, number, case, keep):
    began = time.monotonic()
    scene = Scene(world, case.__name__, number)
    world.scenes.append(scene)
    problem = None
    try:
        case(scene)
    except BaseException:
        problem = f"{traceback.format_exc()}{scene.failure_report()}"
    try:
        scene.close()
    except BaseException:
        problem = (problem or "") + traceback.format_exc()
    if problem is None and not keep:
        shutil.rmtree(scene.folder, ignore_errors=True)
    results.add(case.__name__, time.monotonic() - began, problem, (0, 1) if problem else (1, 0), scene.passed)


def run_program(world, results, program):
    """A C test program: its own last line says how many passed."""
    began = time.monotonic()
    log = world.folder / f"{program.name}.log"
    process = start_process([program], log, env=dict(os.environ, OUTLIERD_KAFKA=world.kafka.address))
    try:
        process.wait(PROGRAM_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    output = log.read_text(errors="replace")
    last = output.rstrip().rsplit("\n", 1)[-1]
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    passed, failed = map(int, counts.groups()) if counts else (0, 1)
    if process.returncode != 0 and failed == 0:
        failed = 1
    problem = f"{output[-8000:]}\nexit status {process.returncode}" if failed else None
    results.add(f"{program.name}: {last}", time.monotonic() - began, problem, (passed, failed))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--programs", type=pathlib.Path)
    parser.add_argument("--only", default="", help="run the tests whose name contains this")
    parser.add_argument("--jobs", type=int, default=3, help="tests at a time: they wait more than they compute")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and files")
    return parser.parse_args()


def run_all(options, folder, results):
    kafka, registry, world = Kafka(folder), None, None
    try:
        kafka.start()
        registry = Registry(folder)
        world = World(folder, Outlierd(options.binary.resolve()), kafka, registry, Topics(kafka.address))
        catalog.load()
        chosen = [case for case in catalog.ALL if options.only in case.__name__]
        programs = sorted(options.programs.glob("test_*")) if options.programs else []
        programs = [p.resolve() for p in programs if p.suffix == "" and options.only in p.name]
        pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
        jobs = [pool.submit(run_program, world, results, program) for program in programs]
        jobs += [
            pool.submit(run_case, world, results, number, case, options.keep) for number, case in enumerate(chosen, 1)
        ]
        for job in jobs:
            job.result()
    finally:
        # After an interruption tests may still be running: what they have started must not outlive them.
        for scene in world.scenes if world is not None else ():
            scene.close()
        if registry is not None:
            registry.stop()
        kafka.stop()


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outlierd-test-"))
    results = Results()
    try:
        run_all(options, folder, results)
    except BaseException:
        traceback.print_exc()
        results.failed += 1
    if options.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{results.passed} passed, {results.failed} failed", flush=True)
    # Threads of a test that hangs must not keep the run from ending; daemons and servers die with their threads.
    os._exit(results.failed != 0)


if __name__ == "__main__":
    main()
