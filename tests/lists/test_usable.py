"""One scan that cannot be used does not take the others along, and nobody overlooks that it was left out."""

import logging

import pytest
from ignite.engine import Engine
from torch.utils.data import DataLoader

from smart_nets.errors import InputError, cause
from smart_nets.lists.usable import DoneScans, UsableScans, check_all_done

ITEMS = [{"image": name} for name in ("a", "bad", "c", "bad2")]


def prepare(item):
    """As MONAI's Compose does it: what a transform raises comes wrapped."""
    try:
        if item["image"].startswith("bad"):
            raise InputError("ends early", where=item["image"], remedy="copy it again")
    except InputError as error:
        raise RuntimeError("applying transform") from error
    return item["image"]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_refused_is_left_out_and_counted(workers, caplog):
    loader = DataLoader(UsableScans(ITEMS, prepare), batch_size=None, num_workers=workers)
    done = DoneScans(ITEMS)
    engine = Engine(lambda engine, batch: batch)
    done.attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run([one] for one in loader)
    if not workers:  # those of a worker stand in its own log
        assert [record.message for record in caplog.records if "left out" in record.message] == [
            "left out: InputError: bad: ends early; copy it again.", "left out: InputError: bad2: ends early; copy it again."
        ]  # fmt: skip
    with pytest.raises(InputError, match=r"^2 of 4 scans were left out, the others are done"):
        check_all_done(done)


def test_nothing_is_said_where_all_are_done():
    done = DoneScans(ITEMS)
    engine = Engine(lambda engine, batch: batch)
    done.attach(engine)
    engine.run([["a", "b"], ["c"], ["d"]])
    check_all_done(done)


@pytest.mark.parametrize("items", [["bad"], ["bad", "bad2", "bad3"]])
def test_where_none_can_be_used_the_run_ends_with_the_reason(items):
    with pytest.raises((RuntimeError, InputError)) as caught:
        list(UsableScans([{"image": name} for name in items], prepare))
    told = str(cause(caught.value))
    assert items[-1] in told and ("none of 3 scans can be used" in told) is (len(items) > 1)


def test_a_fault_of_the_program_is_not_taken_for_one_of_the_scan():
    with pytest.raises(ZeroDivisionError):
        list(UsableScans(ITEMS, lambda item: 1 / 0))
