"""Whatever a student assigns, a check reads plain data or says that it cannot."""

import copy
import math
import pickle
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_lessons.assess import TODO, Exercise
from k8snet_lessons.assess.answers import MAX_DEPTH, AnswerError, plain

json_like = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**60), 2**60)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)  # fmt: skip


@given(json_like)
def test_plain_data_passes_unchanged(value):
    if nesting(value) > MAX_DEPTH:
        with pytest.raises(AnswerError, match="deep"):
            plain(value)
    else:
        assert plain(value) == value


def nesting(value):
    inner = value.values() if isinstance(value, dict) else value
    if not isinstance(value, list | dict):
        return 0
    return 1 + max(map(nesting, inner), default=-1)


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (Fraction(1, 4), 0.25),
        (Decimal("2.5"), 2.5),
        (np.float64(1.5), 1.5),
        (np.int32(7), 7),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (ip_address("10.0.0.1"), "10.0.0.1"),
        ((1, 2), [1, 2]),
        ({"a": TODO}, {"a": TODO}),
    ],
)
def test_well_known_types_are_converted(answer, read):
    assert plain(answer) == read
    assert type(plain(answer)) is type(read)


class AlwaysEqual:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class Explodes:
    def __getattribute__(self, name):
        raise SystemError("touched")

    def __eq__(self, other):
        raise SystemError("compared")

    __hash__ = None

    def __repr__(self):
        raise SystemError("shown")


class FloatInDisguise(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Number(IntEnum):
    ONE = 1


class TextInDisguise(str):
    def strip(self, *_):
        raise SystemError("stripped")


cycle: list = []
cycle.append(cycle)
deep: list = []
for _ in range(5000):
    deep = [deep]

HOSTILE = [
    AlwaysEqual(), Explodes(), FloatInDisguise(0.25), Number.ONE, TextInDisguise("200"), cycle,
    deep, object, len, lambda: 1, (n for n in range(3)), {1, 2}, b"200", 1j, 10**5000, range(10**9),
    [0] * 200_000, "x" * 10**6, {1: 2}, {AlwaysEqual(): 1}, np.array([object()]), np.zeros(10**6),
    np.array(["2020"], dtype="M8[Y]"), Decimal("NaN"), Decimal("1e999999"), Fraction(10**400),
    ValueError("x"), type("Odd", (), {"__class__": property(lambda self: 1 / 0)})(), ...,
    NotImplemented, memoryview(b"x"), bytearray(9),
]  # fmt: skip
WRONG = [
    None, True, False, -1, 0, 10**70, 1e308, math.nan, math.inf, -math.inf, "", " ", "\x00", "🙂",
    "504" * 5000, [], {}, [[]], {"cluster": None}, {"": 1}, {"cluster": {"cluster": 1}}, (), [TODO],
    {"local": math.nan, "cluster": 10**60}, {"linear_s": "1", "classic_client": 504},
]  # fmt: skip


@pytest.fixture(scope="module")
def exercise():
    return Exercise("01-north-south-path", student="mallory", seed=3)


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_hostile_answer_is_refused_in_words_and_earns_nothing(exercise, place):
    for task in exercise.assignment.tasks:
        for answer in (HOSTILE[place], {"local": HOSTILE[place], "cluster": 0.1}):
            verdict = exercise.judge(task.name, answer)
            assert verdict.points == 0
            assert verdict.status == "wrong"
            assert verdict.message
            assert verdict.to_text()
            assert verdict.to_html()


@pytest.mark.parametrize("answer", WRONG, ids=lambda a: repr(a)[:30])
def test_an_odd_answer_is_judged_and_earns_nothing(exercise, answer):
    for task in exercise.assignment.tasks:
        verdict = exercise.judge(task.name, answer)
        assert verdict.points == 0
        assert verdict.status in ("wrong", "unattempted")


@given(json_like)
def test_no_plain_answer_breaks_a_check(answer):
    exercise = Exercise("01-north-south-path", seed=1)
    for task in exercise.assignment.tasks:
        verdict = exercise.judge(task.name, answer)
        assert 0 <= verdict.points <= verdict.max_points


def test_the_sentinel_stays_itself():
    assert pickle.loads(pickle.dumps(TODO)) is TODO
    assert copy.deepcopy([TODO])[0] is TODO
    assert repr(TODO) == "TODO"
