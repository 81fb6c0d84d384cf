import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

import relu_fast as rf
from relu_fast.report import plots


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    return {row.name: result_of(row, folder) for row in (HEALTHY, STILLBORN, GATELESS, EXPLODING)}


def parsed(svg):
    return ElementTree.fromstring(svg)


def texts(svg):
    return {text.text for text in parsed(svg).iter("text")}


def colors(svg):
    """The variables that lines are drawn with."""
    styles = [path.get("style") for path in parsed(svg).iter("path") if path.get("d")]
    return {match for style in styles for match in re.findall(r"stroke:var\(--([\w-]+)\)", style)}


@pytest.mark.parametrize("name", ["healthy", "stillborn", "gateless", "exploding"])
def test_losses_are_drawn_with_the_floor_of_random_labels(results, name):
    drawn = colors(plots.losses(results[name]))
    assert "muted" in drawn
    if name != "exploding":  # its losses are NaN
        assert {"series-1", "series-2"} <= drawn
    assert "bar" not in drawn
    assert drawn - {"line"} <= set(plots.LOSS_LEGEND)


def test_losses_of_what_it_is_compared_with_are_drawn(results):
    one, other = results["healthy"], results["gateless"]
    assert "bar" in colors(plots.losses(one, other))
    assert "bar" not in colors(plots.losses(one, one))


def test_without_a_floor_there_is_no_line_for_it(tmp_path):
    settings = replace(SMALL, target="sum", epochs=1)
    assert "muted" not in colors(plots.losses(result_of(HEALTHY, tmp_path, settings)))


def test_layers_that_can_die_have_a_line(results):
    words = texts(plots.dead_units(results["stillborn"]))
    assert {"dense_1", "dense_2"} <= words
    assert "dense_3" not in words


def test_units_that_are_born_dead_are_dead_at_epoch_0(results):
    svg = parsed(plots.dead_units(results["stillborn"]))
    paths = [path.get("d") for path in svg.iter("path") if path.get("d").count("L") > 1]
    assert len(paths) == 2  # of the two layers
    for path in paths:
        assert len(re.findall("[ML]", path)) == 1 + SMALL.epochs
        assert len({y for _, y in re.findall(r"([\d.]+) ([\d.]+)", path)}) == 1


def test_where_nothing_can_die_there_is_no_figure(results):
    assert plots.dead_units(results["gateless"]) is None


@pytest.mark.parametrize("name", ["healthy", "gateless"])
def test_active_units_are_drawn_for_the_hidden_layers(results, name):
    words = texts(plots.active_units(results[name]))
    hidden = list(results[name].layers)[:-1]
    assert set(hidden) <= words
    assert list(results[name].layers)[-1] not in words


@pytest.mark.parametrize("name", rf.ACTIVATIONS)
def test_every_activation_is_drawn_with_its_derivative(name):
    row = rf.ACTIVATIONS[name]
    svg = plots.activation(row)
    assert {name, "derivative"} <= texts(svg)
    assert {"series-1", "series-2"} <= colors(svg)
    params = {key: 0.25 if default is None else default for key, default in row.params.items()}
    edges = [row.gate_for(**params), row.ceiling_for(**params)]
    shaded = [band for band in parsed(svg).iter("rect") if "opacity" in band.get("style")]
    assert len(shaded) == sum(edge is not None for edge in edges)


def test_the_line_of_an_activation_is_what_the_ufunc_gives():
    svg = parsed(plots.activation(rf.ACTIVATIONS["tanh"]))
    paths = [path.get("d") for path in svg.iter("path") if "series-1" in path.get("style")]
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", max(paths, key=len)), float)
    y = np.tanh(np.linspace(-4, 4, len(points)))
    # Both are the same but for the scale of the axes.
    assert abs(np.corrcoef(-points[:, 1], y)[0, 1] - 1) < 1e-4


@pytest.mark.parametrize("name", ["healthy", "stillborn", "gateless", "exploding"])
def test_colors_are_variables_of_the_page(results, name):
    for svg in (plots.losses(results[name]), plots.active_units(results[name])):
        assert not re.search(r"#[0-9a-f]{3}", svg)
        known = {f"series-{i}" for i in range(1, plots.SERIES + 1)} | {"muted", "line", "bar"}
        assert set(re.findall(r"var\(--([\w-]+)\)", svg)) <= known
