import re
from xml.etree import ElementTree

import numpy as np
import pytest

from relu_fast.lab.probe import histogram
from relu_fast.report.ridges import MOST_RIDGES, ridges

NORMAL = np.random.default_rng(0).normal(size=2000)


def drawn(arrays, title="what it shows"):
    """The figure, parsed: an SVG that is not well-formed fails here."""
    histograms = [histogram(np.asarray(values, np.float32)) for values in arrays]
    text = ridges(range(1, len(histograms) + 1), histograms, title)
    assert not re.search(r"\b(nan|inf)\b", text)
    return ElementTree.fromstring(text)


def outlines(svg):
    """The points of each ridge."""
    paths = [path.get("d") for path in svg.iter("path") if "fill:color-mix" in path.get("style")]
    points = [re.findall(r"[ML]([\d.]+) ([\d.]+)", path) for path in paths if path]
    return [np.array(ends, float) for ends in points]


def texts(svg):
    return [text.text for text in svg.iter("text")]


def test_there_is_a_ridge_for_each_epoch_and_each_has_the_full_height():
    svg = drawn([NORMAL, 0.1 * NORMAL, 10 * NORMAL])
    heights = [np.ptp(points[:, 1]) for points in outlines(svg)]
    assert len(heights) == 3
    np.testing.assert_allclose(heights, heights[0], atol=0.11)


def test_later_epochs_stand_in_front_and_below():
    baselines = [points[:, 1].max() for points in outlines(drawn([NORMAL] * 4))]
    assert baselines == sorted(baselines)
    assert len(set(baselines)) == 4


def test_a_peak_stands_where_its_value_is():
    svg = drawn([NORMAL * 0.01 + center for center in (0.25, 0.5, 1.0)])
    peaks = [points[points[:, 1].argmin(), 0] for points in outlines(svg)]
    left, right = peaks[0], peaks[2]
    np.testing.assert_allclose(peaks[1], left + (right - left) / 3, atol=2)


def test_everything_is_drawn_inside_the_figure():
    svg = drawn([NORMAL, [1e3, -1e3, *NORMAL], [0.0] * 9])
    _, _, width, height = map(float, svg.get("viewBox").split())
    for points in outlines(svg):
        assert (points >= 0).all()
        assert (points <= [width, height]).all()


def test_exact_zeros_have_bars_of_their_share():
    svg = drawn([NORMAL, [0.0, 0.0, 0.0, 1.0], [0.0, 0.0]])
    widths = [float(bar.get("width")) for bar in svg.iter("rect")]
    np.testing.assert_allclose(widths, np.array([0, 0.75, 1]) * max(widths), atol=0.06)
    assert "zeros" in texts(svg)


def test_without_zeros_there_are_no_bars():
    svg = drawn([NORMAL, NORMAL])
    assert not list(svg.iter("rect"))
    assert "zeros" not in texts(svg)


@pytest.mark.parametrize(
    ("values", "message"),
    [([0.0], "exactly zero in every epoch"), ([np.nan], "no finite value"), ([], "exactly zero")],
)
def test_a_figure_without_values_says_so(values, message):
    assert any(text.startswith(message) for text in texts(drawn([values] * 3)))


def test_many_epochs_are_thinned_and_the_first_and_last_stay():
    svg = drawn([NORMAL[:50]] * 200)
    assert len(outlines(svg)) == MOST_RIDGES
    labels = [text for text in texts(svg) if text.isdigit()]
    assert labels[0] == "1"
    assert "200" in labels


@pytest.mark.parametrize(
    ("scale", "power"), [(1e-6, "×10⁻⁶"), (1e-30, "×10⁻³⁰"), (1.0, None), (5e7, "×10⁸"), (1e-40, "×10⁻⁴⁰")]
)
def test_the_axis_has_few_round_numbers_and_their_power_of_ten(scale, power):
    labels = texts(drawn([NORMAL * scale]))
    assert [text for text in labels if text.startswith("×")] == ([power] if power else [])
    numbers = [float(text.replace("−", "-")) for text in labels[1:] if not text.startswith("×")]
    assert 3 <= len(numbers) <= 6
    assert 0 in numbers
    np.testing.assert_allclose(np.diff(numbers), numbers[1] - numbers[0], rtol=1e-6)


@pytest.mark.parametrize("values", [[0.5], [-0.5] * 3, [3e38, -3e38], [1e-45]])
def test_few_and_extreme_values_are_drawn(values):
    assert len(outlines(drawn([values]))) == 1


def test_the_title_is_the_accessible_name():
    svg = drawn([NORMAL], title='gradients of "dense_1" <&>')
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == 'gradients of "dense_1" <&>'
