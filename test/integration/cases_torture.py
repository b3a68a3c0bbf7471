"""A short round of the torture that `make torture` runs for as long as one likes."""

from catalog import case
from torture import Round, play

SECONDS = 20.0


@case
def torture_round_with_sentinel(scene):
    """Instances killed, paused, taken away and added while Redis fails over."""
    _round(scene, seed=2, sentinel=True, broker=False)


@case
def torture_round_with_everything_restarted(scene):
    """The same while Redis is restarted, sometimes empty, and the broker is killed."""
    scene.own_kafka()
    _round(scene, seed=1, sentinel=False, broker=True)


def _round(scene, seed, sentinel, broker):
    canonical = scene.outlierd.binary.parent / "test" / "integration" / "canonical"
    torture = Round(scene, seed, canonical, seconds=SECONDS, sentinel=sentinel, broker=broker)
    play(scene, torture)
    assert torture.counts["kills"] >= 3, f"seed {seed}: few faults: {dict(torture.counts)}"
