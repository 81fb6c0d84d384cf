import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of

from relu_fast.report import plots


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    return {row.name: result_of(row, folder) for row in (HEALTHY, STILLBORN, GATELESS, EXPLODING)}


def parsed(svg):
    # Inside HTML the prefix needs no declaration.
    return ElementTree.fromstring(svg.replace("xlink:href", "href"))


@pytest.mark.parametrize("name", ["healthy", "stillborn", "gateless", "exploding"])
def test_losses_are_drawn_with_the_floor_of_random_labels(results, name):
    svg = plots.losses(results[name])
    words = {text.text for text in parsed(svg).iter("text")}
    assert {"training", "validation", "ln 2", "loss", "epoch"} <= words


def test_without_a_floor_there_is_no_line_for_it(tmp_path):
    settings = type(SMALL)(**SMALL.to_dict() | {"target": "sum", "epochs": 1})
    svg = plots.losses(result_of(HEALTHY, tmp_path, settings))
    assert "ln 2" not in svg


def test_layers_that_can_die_have_a_line(results):
    words = {text.text for text in parsed(plots.dead_units(results["stillborn"])).iter("text")}
    assert {"dense_1", "dense_2"} <= words
    assert "dense_3" not in words


def test_where_nothing_can_die_there_is_no_figure(results):
    assert plots.dead_units(results["gateless"]) is None


def test_colors_are_variables_of_the_page(results):
    svg = plots.losses(results["healthy"])
    assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r'(url\(|href=")#\w+', "", svg))
    assert set(re.findall(r"var\(--([\w-]+)\)", svg)) >= {"ink", "muted", "line", "series-1", "series-2"}


def test_tick_labels_keep_their_digits(results):
    numbers = [
        text.text for text in parsed(plots.losses(results["gateless"])).iter("text") if "." in text.text
    ]
    assert len(set(numbers)) == len(numbers) >= 3


def test_drawing_leaves_matplotlibs_settings_alone(results):
    before = dict(mpl.rcParams)
    plots.losses(results["healthy"])
    plots.dead_units(results["healthy"])
    assert dict(mpl.rcParams) == before


def test_ids_are_unique_among_the_figures_of_a_page(results):
    one, other = results["healthy"], replace(results["healthy"], name="other")
    ids = [set(re.findall(r' id="([^"]+)"', plots.losses(result))) for result in (one, other)]
    assert all(ids)
    assert not ids[0] & ids[1]
