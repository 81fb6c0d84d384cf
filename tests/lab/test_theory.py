from fractions import Fraction

import pytest

from relu_fast.lab.theory import exact, lower_bound, upper_bound

DEPTHS = [2, 3, 4, 10, 20, 100]
WIDTHS = [1, 2, 3, 4, 5, 16, 64]


@pytest.mark.parametrize(
    ("widths", "expected"), [([], 0), ([1], 1 / 2), ([2, 2], 7 / 16), ([1, 2, 3], 1 - 1 / 2 * 3 / 4 * 7 / 8)]
)
def test_the_upper_bound_is_1_minus_the_product(widths, expected):
    assert upper_bound(widths) == pytest.approx(expected, rel=1e-15)


def two_kinds(width, depth):
    """The chain behind the lower bound: one direction alive, or two that are not parallel; in fractions."""
    r = Fraction(1, 2**width)
    one, two = 2 * r, 1 - 2 * r
    for _ in range(depth - 2):
        # A unit fires for both of two directions at a right angle with probability 1/4, for neither likewise.
        none, both = r * r, 1 - 2 * r + r * r
        parallel = width * r * r  # one unit fires for both, all others for neither
        stay = both - parallel
        one, two = one * (1 - r) + two * (1 - none - stay), two * stay
    return 1 - one - two


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_lower_bound_is_the_chain_at_right_angles(width, depth):
    assert lower_bound(width, depth) == pytest.approx(float(two_kinds(width, depth)), rel=1e-9, abs=1e-30)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_bounds_are_in_order(width, depth):
    assert 0 <= lower_bound(width, depth) <= upper_bound([width] * (depth - 1)) <= 1


@pytest.mark.parametrize(
    ("width", "depth", "expected"),
    [
        (2, 2, 0),
        (2, 3, 0.15625),
        (3, 3, 11 / 256),
        (5, 2, 0),
        (1, 3, 0.5),
        (1, 10, 1 - 2.0**-8),
        (2, 4, None),
    ],
)
def test_exact_values(width, depth, expected):
    assert exact(width, depth) == (None if expected is None else pytest.approx(expected, rel=1e-14))


def test_width_2_and_depth_3_is_exact_to_the_bit():
    assert exact(2, 3) == 0.15625


@pytest.mark.parametrize("width", WIDTHS)
def test_depth_3_is_the_closed_form(width):
    assert exact(width, 3) == pytest.approx(4.0**-width * (3 - 2.0 ** (1 - width)), rel=1e-9)
