"""Boxes: stated, of data, and those that make no sense."""

import numpy as np
import pytest

from relu_fast.bounds import Activate, Affine, Box, prove


def test_a_box_keeps_its_ends_in_float64():
    box = Box(np.float32([-1, 0]), [1, 2])
    assert box.lower.dtype == box.upper.dtype == np.float64
    assert box.lower.tolist() == [-1, 0]
    assert box.upper.tolist() == [1, 2]
    assert box.source == "stated"


def test_a_number_stands_for_every_feature():
    box = Box([-1, 0], 3)
    assert box.upper.tolist() == [3, 3]
    proof = prove({"z": (Affine(np.eye(2), np.zeros(2)),)}, Box(-1, 2))
    np.testing.assert_allclose(proof["z"].upper, [2, 2])


def test_a_box_of_data_is_its_range():
    data = np.array([[1, -2], [0, 5], [0.5, 0]])
    box = Box.of(data)
    assert box.lower.tolist() == [0, -2]
    assert box.upper.tolist() == [1, 5]
    assert str(box) == "range of 3 examples, 2 features in [-2, 5]"
    assert box.bounded.all()


def test_a_box_does_not_follow_the_array_it_was_made_of():
    lower = np.zeros(2)
    box = Box(lower, 1)
    lower[:] = 9
    assert box.lower.tolist() == [0, 0]


def test_nan_in_the_data_leaves_its_feature_unbounded():
    box = Box.of([[1.0, np.nan], [0.0, 2.0]])
    assert box.bounded.tolist() == [True, False]
    assert str(box) == "range of 2 examples, unbounded"


def test_integers_beyond_2_to_the_53_are_rounded_outward():
    lower, upper = -(2**53) - 1, 2**53 + 1
    box = Box([lower], [upper])
    assert int(box.lower[0]) <= lower
    assert int(box.upper[0]) >= upper


@pytest.mark.parametrize(
    ("lower", "upper", "error", "message"),
    [
        (1, 0, ValueError, "the box has lower 1 and upper 0, expected lower <= upper"),
        (
            [0, 0.1, 3],
            [1, -0.5, 2],
            ValueError,
            "the box has lower 0.10000000000000001 and upper -0.5 in feature 1, expected lower <= upper",
        ),
        (
            [0, np.nan, 1],
            [1, 0, 0],
            ValueError,
            "the box has lower 1 and upper 0 in feature 2, expected lower <= upper",
        ),
        (
            [0, 0],
            [1, 1, 1],
            ValueError,
            "lower has shape (2,) and upper (3,), expected one entry per feature in both",
        ),
        (np.zeros((1, 2)), 1, ValueError, "lower has shape (1, 2), expected a number or (features,)"),
        (0, "1", TypeError, "upper has dtype <U1, expected float64 or smaller real numbers"),
        (0, 1j, TypeError, "upper has dtype complex128, expected float64 or smaller real numbers"),
        (None, 1, TypeError, "lower has dtype object, expected float64 or smaller real numbers"),
        (False, True, TypeError, "lower has dtype bool, expected float64 or smaller real numbers"),
    ],
)
def test_a_box_that_is_none_is_refused_in_one_line(lower, upper, error, message):
    with pytest.raises(error) as raised:
        Box(lower, upper)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "data has shape (0,), expected (rows, features) with at least one row"),
        (
            np.zeros((0, 3)),
            ValueError,
            "data has shape (0, 3), expected (rows, features) with at least one row",
        ),
        (np.zeros(3), ValueError, "data has shape (3,), expected (rows, features) with at least one row"),
        ([["a"]], TypeError, "data has dtype <U1, expected float64 or smaller real numbers"),
    ],
)
def test_data_that_has_no_range_is_refused_in_one_line(data, error, message):
    with pytest.raises(error) as raised:
        Box.of(data)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-np.inf, 0), (0, np.inf), (np.nan, 0), (0, np.nan), (-np.inf, np.inf), (np.nan, np.nan)],
)
def test_over_an_unbounded_box_nothing_is_proven(lower, upper):
    stages = (Affine(np.full((1, 2), -1, np.float32), np.full(2, -1, np.float32)), Activate("relu"))
    found = prove({"z": stages}, Box(lower, upper))["z"]
    assert not found.proven.any()
    assert (found.lower == -np.inf).all()
    assert (found.upper == np.inf).all()


def test_of_all_nan_data_nothing_is_proven():
    stages = (Affine(np.full((2, 2), -1, np.float32), np.full(2, -1, np.float32)), Activate("relu"))
    assert not prove({"z": stages}, Box.of(np.full((4, 2), np.nan)))["z"].proven.any()


def test_a_box_beyond_float32_is_unbounded_to_a_float32_network():
    for dtype, known in ((np.float32, False), (np.float64, True)):
        found = prove({"z": (Affine(np.ones((1, 1), dtype), np.zeros(1, dtype)),)}, Box(0, 1e39))
        assert found["z"].known.all() == known
