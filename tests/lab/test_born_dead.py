import json
import math
from fractions import Fraction

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.lab.born_dead import BornDead, BornDeadSettings, death_depths, study
from relu_fast.lab.small_networks import stream
from relu_fast.lab.theory import exact, lower_bound, upper_bound

NETWORKS = 20_000


@pytest.fixture(scope="module")
def shares():
    """Measured shares of networks with He's initialization, by width and depth."""
    born = {}
    for width in (1, 2, 3, 4, 5):
        deaths = np.zeros(20, np.int64)
        for first in death_depths("he", width, 20, NETWORKS, 0):
            deaths += np.bincount(first, minlength=20)
        born[width] = BornDead("he", width, deaths)
    return lambda width, depth: born[width].share(depth)


def depth_4_width_2():
    """Enumerate what the units of two normal layers do to the directions x > 0 and x < 0.

    After the first layer one direction is alive (probability 1/2), or both at a right angle. There a unit of
    the second layer fires for both, one or none of them with probability 1/4 each, and the third layer kills
    both with probability ((pi - t) / (2 pi))^2 = (1/2 - s/4)^2 at the angle t = s pi/2.
    """
    dead_of_one = Fraction(1, 4)
    mean = {
        "right": Fraction(1, 16),  # s = 1
        "one": dead_of_one,  # one direction, or two parallel ones
        "even": Fraction(7, 48),  # s uniform in (0, 1): the integral of (1/2 - s/4)^2
        "two": Fraction(17, 96),  # s the distance of two uniform ones: density 2 (1 - s)
    }
    after_right = Fraction(0)
    for first in ("both", "+", "-", "none"):
        for second in ("both", "+", "-", "none"):
            units = {first, second}
            plus, minus = bool(units & {"both", "+"}), bool(units & {"both", "-"})
            if not (plus or minus):
                dies = Fraction(1)
            elif not (plus and minus) or units == {"both", "none"}:
                dies = mean["one"]
            elif units == {"+", "-"}:
                dies = mean["right"]
            else:
                dies = mean["two" if units == {"both"} else "even"]
            after_right += dies / 16
    after_one = dead_of_one + (1 - dead_of_one) * dead_of_one
    return (after_one + after_right) / 2


def test_the_enumeration_lies_between_the_bounds():
    value = depth_4_width_2()
    assert value == Fraction(1045, 3072)
    assert lower_bound(2, 4) < value < upper_bound([2, 2, 2])


# The published ones are estimates themselves, to 0.0015 or so.
KNOWN = [
    *((width, 3, exact(width, 3)) for width in (1, 2, 3, 4, 5)),
    *((1, depth, exact(1, depth)) for depth in (4, 10)),
    (2, 4, float(depth_4_width_2())),
    (2, 10, 0.8805),
    (3, 10, 0.5774),
    (4, 10, 0.2952),
    (5, 10, 0.1270),
    (2, 20, 0.9932),
]


@pytest.mark.parametrize(("width", "depth", "known"), KNOWN)
def test_known_probabilities_are_met_within_three_standard_errors(shares, width, depth, known):
    error = math.sqrt(known * (1 - known) / NETWORKS)
    assert abs(shares(width, depth).value - known) <= 3 * error


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_no_network_with_one_hidden_layer_is_born_dead(shares, width):
    assert shares(width, 2).count == 0


@pytest.mark.parametrize("depth", [3, 6, 10, 20])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_the_bounds_hold(shares, width, depth):
    low, high = shares(width, depth).interval
    assert high >= lower_bound(width, depth)
    assert low <= upper_bound([width] * (depth - 1))


def angles(width, depth, paths):
    """Estimate the probability another way: follow the angle alone, and count what is certain exactly.

    A normal layer sees of two directions only the angle between them, and one direction alone survives a layer
    with probability a = 1 - 2^-width.
    """
    generator = stream(0, "angles", width, depth)
    a, hidden = 1 - 0.5**width, depth - 1
    alive = np.zeros(paths)
    both, cosine = np.ones(paths, bool), np.zeros(paths)
    for layer in range(2, hidden + 1):
        u = generator.standard_normal((paths, width))
        v = cosine[:, np.newaxis] * u
        v += np.sqrt(1 - cosine**2)[:, np.newaxis] * generator.standard_normal((paths, width))
        u, v = np.maximum(u, 0), np.maximum(v, 0)
        lengths = np.linalg.norm(u, axis=1), np.linalg.norm(v, axis=1)
        alive += both * ((lengths[0] > 0) != (lengths[1] > 0)) * a ** (hidden - layer)
        both &= (lengths[0] > 0) & (lengths[1] > 0)
        product = np.where(both, lengths[0] * lengths[1], 1)
        cosine = np.minimum(np.where(both, (u * v).sum(axis=1) / product, 0), 1)
    alive += both
    one = 2 * 0.5**width
    return 1 - one * a ** (hidden - 1) - (1 - one) * alive.mean(), (1 - one) * alive.std() / math.sqrt(paths)


@pytest.mark.parametrize(("width", "depth"), [(2, 4), (2, 10), (3, 10), (4, 10), (5, 10), (2, 20)])
def test_networks_die_as_often_as_the_angle_between_two_directions_says(shares, width, depth):
    expected, error = angles(width, depth, 40_000)
    measured = shares(width, depth)
    assert abs(measured.value - expected) <= 3 * math.hypot(error, measured.standard_error)


def test_rai_is_born_dead_less_often(shares):
    first = np.concatenate(list(death_depths("rai", 2, 10, 2000, 0)))
    assert (first < 9).mean() < 0.3 < shares(2, 10).interval[0]


# The study

SMALL = BornDeadSettings(widths=(2, 3), depths=(3, 6), networks=300)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with open(tmp_path_factory.mktemp("progress") / "progress", "w+", encoding="utf-8") as stream:
        result = study(SMALL, stream)
        stream.seek(0)
        return result, stream.read()


def test_the_record_has_bounds_and_shares_for_every_cell(result):
    record = json.loads(json.dumps(result[0].record, allow_nan=False))
    assert record["format"] == "relu_fast.born_dead"
    assert [(row["width"], row["depth"]) for row in record["rows"]] == [(2, 3), (2, 6), (3, 3), (3, 6)]
    for row in record["rows"]:
        assert row["upper_bound"] == upper_bound([row["width"]] * (row["depth"] - 1))
        assert row["lower_bound"] == lower_bound(row["width"], row["depth"])
        assert row["exact"] == exact(row["width"], row["depth"])
        for name in ("he", "rai"):
            assert row[name]["of"] == 300
            assert row[name]["low"] <= row[name]["share"] == row[name]["count"] / 300 <= row[name]["high"]


def test_the_sheet_shows_what_the_record_says(result):
    record, sheet = result[0].record, result[0].sheet
    for row, cells in zip(record["rows"], sheet.rows, strict=True):
        assert cells[:3] == (str(row["width"]), str(row["depth"]), f"{row['lower_bound']:.4f}")
        assert cells[3].startswith(f"{row['he']['share']:.4f} [")
        assert cells[5].startswith(f"{row['rai']['share']:.4f} [")
    assert len(sheet.panels) == 2
    assert f"{100 * record['rows'][1]['he']['share']:.1f} % are born dead with He" in sheet.answers[1]


def test_answers_say_when_a_cell_misses_the_bounds(tmp_path):
    with open(tmp_path / "progress", "w", encoding="utf-8") as stream:
        few = study(BornDeadSettings(widths=(2, 3), depths=(5,), networks=10), stream)
    misses = [row for row in few.record["rows"] if row["he"]["high"] < row["lower_bound"]]
    assert len(misses) == 1
    assert "agree in 1 of 2 cells" in few.sheet.answers[0]


def test_progress_has_a_line_for_each_width_and_initialization(result):
    lines = result[1].splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "[1/4] He, width 2",
        "[2/4] RAI, width 2",
        "[3/4] He, width 3",
        "[4/4] RAI, width 3",
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_numbers_do_not_depend_on_the_threads(result, tmp_path, threads):
    before = rf.get_num_threads()
    rf.set_num_threads(threads)
    try:
        with open(tmp_path / "progress", "w", encoding="utf-8") as stream:
            assert study(SMALL, stream).record == result[0].record
    finally:
        rf.set_num_threads(before)


def test_more_networks_begin_with_the_same():
    few = np.concatenate(list(death_depths("he", 2, 6, 2500, 1)))
    many = np.concatenate(list(death_depths("he", 2, 6, 4500, 1)))
    # They are drawn 2000 at a time.
    np.testing.assert_array_equal(many[:2000], few[:2000])
    assert not np.array_equal(few[:500], np.concatenate(list(death_depths("he", 2, 6, 500, 2))))
