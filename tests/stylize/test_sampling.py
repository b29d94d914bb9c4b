from __future__ import annotations

import gc
import threading
import time
import weakref
from types import ModuleType

import pytest

from stylize.sampling import Sampler

SOURCE = """
import time
import weakref
def work(then=None):
    end = time.perf_counter() + 0.12
    while time.perf_counter() < end:
        then() if then else sum(range(50))
def once():
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        sum(range(50))
"""


def module(name: str) -> ModuleType:
    made = ModuleType(name)
    exec(compile(SOURCE, name, "exec"), made.__dict__)  # noqa: S102
    return made


ROOMS = {"fake.flow": "flow", "fake.entry": "join", "fake.read": "io"}


@pytest.mark.parametrize("room", ["flow", "read"])
def test_the_room_at_work_gets_the_time(room):
    with Sampler(ROOMS, "fake.entry", every=0.002) as parts:
        module("fake.entry").work(module(f"fake.{room}").once)
    name = ROOMS[f"fake.{room}"]
    assert parts.seconds[name] > 0
    assert all(value == 0 for part, value in parts.seconds.items() if part not in (name, "join"))


def test_what_is_called_for_a_room_belongs_to_it():
    flow, warp = module("fake.flow"), module("fake.warp")
    with Sampler({**ROOMS, "fake.warp": "warp"}, "fake.entry", every=0.002) as parts:
        module("fake.entry").work(lambda: flow.work(warp.once))
    assert parts.seconds["flow"] > 0
    assert parts.seconds["warp"] == 0


def test_reading_is_reading_wherever_it_happens():
    flow, read = module("fake.flow"), module("fake.read")
    with Sampler(ROOMS, "fake.entry", every=0.002) as parts:
        module("fake.entry").work(lambda: flow.work(read.once))
    assert parts.seconds["io"] > parts.seconds["flow"]


def test_while_the_thread_waits_another_one_counts():
    with Sampler(ROOMS, "fake.entry", every=0.002) as parts:
        helper = threading.Thread(target=module("fake.flow").work)
        helper.start()
        helper.join()
    assert parts.seconds["flow"] > 0


def test_strangers_get_nothing_and_the_thread_ends():
    before = threading.active_count()
    with Sampler(ROOMS, "fake.entry", every=0.002) as parts:
        time.sleep(0.03)
        module("elsewhere").once()
    assert set(parts.seconds.values()) == {0.0}
    assert threading.active_count() == before


def test_what_was_looked_at_is_let_go_of():
    class Big:
        pass

    kept: list[weakref.ref[Big]] = []

    def work():
        big = Big()
        kept.append(weakref.ref(big))
        time.sleep(0.05)

    gc.disable()
    try:
        with Sampler(ROOMS, "fake.entry", every=0.002):
            helper = threading.Thread(target=work)
            helper.start()
            helper.join()
        assert kept[0]() is None
    finally:
        gc.enable()
