"""What all tests share: servers, the program, the stream of events (encoded once), two models trained beforehand."""

import concurrent.futures
import json
import random

import stream
from servers import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "card-fraud" / "config.json"
MAX_EVENTS = 64  # small enough that busy cards are folded


def settings():
    """The configuration that a newcomer would begin with."""
    config = json.loads(EXAMPLE.read_text())
    config["state"]["max_events"] = MAX_EVENTS
    return config


class World:
    def __init__(self, folder, outlierd, kafka, registry, topics):
        self.folder, self.outlierd, self.kafka, self.registry, self.topics = folder, outlierd, kafka, registry, topics
        self.scenes = []  # all that were begun
        self.senders = concurrent.futures.ThreadPoolExecutor(16)
        encode = stream.Encoder(registry.url)
        self.events = stream.clean(stream.simulate(outlierd.run, folder / "events.jsonl", seed=7), encode)
        self.records = stream.poisoned(self.events, encode)
        self.framing = self.events[0][1].value[:5]
        self.models = folder / "models"
        self.model_ids = self._train()

    def _train(self):
        """Another simulation of the same society's kind, vectors of it, two forests. The first is the champion."""
        config = self.folder / "train.json"
        config.write_text(json.dumps(settings()))
        vectors, run = self.folder / "train.csv", self.outlierd.run
        events = stream.simulate(run, self.folder / "train.avro", seed=8)
        run("features", "--config", config, "--input", events, "--output", vectors)
        ids = []
        for seed in (1, 2):
            run("train", "--config", config, "--input", vectors, "--seed", seed, "--output", f"{self.models}/")
            ids += [path.stem for path in self.models.glob("*.json") if path.stem not in ids]
        assert len(ids) == 2 and (self.models / "current").read_text().strip().startswith(ids[0])
        return ids

    def pieces(self, count, seed):
        """The records cut at random places into so many consecutive pieces."""
        cuts = sorted(random.Random(seed).sample(range(1, len(self.records)), count - 1))
        return [self.records[a:b] for a, b in zip([0, *cuts], [*cuts, len(self.records)])]
