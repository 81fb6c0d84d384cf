import re
from xml.etree import ElementTree

import numpy as np
import pytest

from relu_fast.report.axes import tick_labels, ticks
from relu_fast.report.lines import BOTTOM, LEFT, RIGHT, WIDTH, Line, lines

X = [1.0, 2.0, 3.0, 4.0]


def drawn(*shown, **options):
    svg = lines(shown, "what it shows", **{"x_label": "epoch", "x_span": (1.0, 4.0)} | options)
    assert not re.search(r"\b(nan|inf)\b", svg)
    return ElementTree.fromstring(svg)


def points(svg, color):
    """The runs of points of the lines of a color."""
    paths = [path.get("d") for path in svg.iter("path") if f"var(--{color})" in path.get("style")]
    return [
        np.array(re.findall(r"([\d.]+) ([\d.]+)", run), float)
        for path in paths
        for run in path.split("M")[1:]
    ]


def texts(svg):
    return [text.text for text in svg.iter("text")]


def test_points_lie_where_their_numbers_are():
    (run,) = points(drawn(Line("", "ink", X, [0.0, 1.0, 2.0, 1.0]), y_span=(0.0, 2.0)), "ink")
    np.testing.assert_allclose(run[:, 0], np.linspace(LEFT, RIGHT, 4), atol=0.06)
    assert run[0, 1] == BOTTOM
    assert run[2, 1] == run[:, 1].min()
    np.testing.assert_allclose(run[1, 1], (run[0, 1] + run[2, 1]) / 2, atol=0.06)


@pytest.mark.parametrize("gap", [None, float("nan"), float("inf"), 9.0])
def test_a_line_is_broken_where_there_is_nothing_to_draw(gap):
    svg = drawn(Line("", "ink", [1, 2, 3, 4, 5], [0.0, 1.0, gap, 1.0, 0.0]), y_span=(0.0, 2.0), x_span=(1, 5))
    assert [len(run) for run in points(svg, "ink")] == [2, 2]


def test_a_point_alone_is_a_dot():
    svg = drawn(Line("", "ink", [1.0], [0.5]), x_span=(0.5, 1.5))
    assert [dot.get("cx") for dot in svg.iter("circle")] == [f"{(LEFT + RIGHT) / 2:.1f}"]


def test_nothing_at_all_is_an_empty_figure():
    svg = drawn(Line("", "ink", X, [None] * 4))
    assert points(svg, "ink") == []
    assert "epoch" in texts(svg)


def test_a_constant_is_drawn_in_the_middle():
    (run,) = points(drawn(Line("", "ink", X, [0.5] * 4)), "ink")
    heights = points(drawn(Line("", "ink", X, [0.5] * 4), Line("", "line", X, [0.5] * 4)), "ink")[0]
    assert len(set(run[:, 1])) == 1
    np.testing.assert_array_equal(run, heights)


def test_labels_stand_in_the_legend_and_wrap():
    few = drawn(Line("one", "ink", X, X), Line("two", "muted", X, X), Line("", "bar", X, X))
    assert texts(few)[-2:] == ["one", "two"]
    many = drawn(*(Line(f"a longer label {i}", "ink", X, X) for i in range(6)))
    labels = [text for text in many.iter("text") if text.text.startswith("a longer")]
    assert len({text.get("y") for text in labels}) > 1
    for text in labels:
        assert 0 <= float(text.get("x")) <= WIDTH - 4 * len(text.text)


def test_what_the_figure_shows_and_labels_are_escaped():
    svg = lines([Line("<a> & b", "ink", X, X)], '"quoted" <title>', x_label="<x>", x_span=(1.0, 4.0))
    parsed = ElementTree.fromstring(svg)
    assert parsed.get("aria-label") == '"quoted" <title>'
    assert {"<a> & b", "<x>"} <= set(texts(parsed))


def test_shaded_ranges_are_drawn():
    svg = drawn(Line("", "ink", X, X), shaded=[(1.0, 2.5)])
    (band,) = svg.iter("rect")
    np.testing.assert_allclose(float(band.get("width")), (RIGHT - LEFT) / 2, atol=0.06)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 10.0, [0, 5, 10]),
        (0.0, 68.0, [0, 20, 40, 60]),
        (0.69, 0.7045, [0.69, 0.695, 0.7]),
        (-1.3, 1.3, [-1, 0, 1]),
        (1e-9, 9e-9, [2e-9, 4e-9, 6e-9, 8e-9]),
        (1.0, 25.0, [5, 10, 15, 20, 25]),
    ],
)
def test_ticks_are_round(low, high, expected):
    np.testing.assert_allclose(ticks(low, high), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 1.06, [0, 1]), (1, 2, [1, 2]), (0, 3.2, [0, 1, 2, 3])]
)
def test_ticks_of_counts_are_whole(low, high, expected):
    assert ticks(low, high, whole=True) == expected


@pytest.mark.parametrize("low", [-3e20, -0.7, 0.0, 1e-30, 0.69, 12345.0])
@pytest.mark.parametrize("width", [1e-3, 0.37, 1.0, 8.1, 1e5])
def test_there_are_three_to_seven_ticks_inside_and_their_labels_differ(low, width):
    high = low + width * max(1.0, abs(low))
    values = ticks(low, high)
    assert 3 <= len(values) <= 7
    tolerance = 1e-9 * (high - low)
    assert all(low - tolerance <= value <= high + tolerance for value in values)
    labels, _ = tick_labels(values)
    assert len(set(labels)) == len(values)


@pytest.mark.parametrize(
    ("values", "labels", "power"),
    [
        ([0, 10, 20], ["0", "10", "20"], ""),
        ([0.692, 0.694, 0.696], ["0.692", "0.694", "0.696"], ""),
        ([-1.0, -0.5, 0.0], ["−1.0", "−0.5", "0.0"], ""),
        ([2e-6, 4e-6], ["2", "4"], "×10⁻⁶"),
        ([10000.0, 20000.0], ["1", "2"], "×10⁴"),
        ([0.5], ["0.50"], ""),
    ],
)
def test_labels_have_the_digits_that_tell_them_apart(values, labels, power):
    assert tick_labels(values) == (labels, power)
