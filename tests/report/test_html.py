from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of, study_of

from relu_fast.history import UnitEvent
from relu_fast.report.findings import sparsity_findings
from relu_fast.report.html import grouped, last_deaths, remarkable, render
from relu_fast.report.text import explain


class Words(HTMLParser):
    """What a reader of the page sees, with single spaces."""

    def __init__(self, page):
        super().__init__()
        self.parts, self.hidden = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.hidden = tag in ("style", "title")

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.parts.append(data)

    def __str__(self):
        return " ".join("".join(self.parts).split())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    return {row.name: result_of(row, folder) for row in (HEALTHY, STILLBORN, GATELESS, EXPLODING)}


@pytest.fixture(scope="module")
def page(results):
    return render(study_of(*results.values()))


def test_what_was_measured_is_escaped(page):
    assert "Is &lt;it&gt; dead &amp; gone?" in page
    assert "<it>" not in page


def test_dead_units_are_listed_with_the_evidence(page, results):
    words = str(Words(page))
    layer = results["stillborn"].layers["dense_1"]
    assert f"Evidence for {layer.dead} units" in words
    for evidence in remarkable(layer):
        assert explain(evidence) in words
    assert set(last_deaths(results["stillborn"], layer)) == set(range(layer.units))
    for words_of_unit in last_deaths(results["stillborn"], layer).values():
        assert words_of_unit.startswith("epoch 0: born dead")
        assert words_of_unit in words


def test_a_unit_that_came_back_has_no_death_to_explain(results):
    events = (UnitEvent("dense_1", 3, "death", 1), UnitEvent("dense_1", 4, "death", 1))
    events += (UnitEvent("dense_1", 3, "revival", 2), UnitEvent("dense_2", 0, "death", 2))
    result = SimpleNamespace(report=SimpleNamespace(events=events))
    words = last_deaths(result, results["healthy"].layers["dense_1"])
    assert words == dict.fromkeys(range(8), "") | {4: "epoch 1: why is not known"}


def test_answers_and_causes_stand_in_the_page(page, results):
    words, study = str(Words(page)), study_of(*results.values())
    for result in results.values():
        assert study.answer(result) in words
    assert "12 born dead" in words
    for sentence in sparsity_findings(study.results):
        assert sentence in words


def test_every_unit_has_a_cell_that_says_its_state(page, results):
    expected = {}
    for result in results.values():
        for layer in result.layers.values():
            for state, count in layer.counts.items():
                expected[state] = expected.get(state, 0) + count
    for state, count in expected.items():
        assert page.count(f'<rect class="{state}"') == count


def test_the_monitors_report_is_there_as_text(page, results):
    words = str(Words(page))
    for result in results.values():
        assert " ".join(str(result.report).split()) in words


def test_findings_stand_in_the_page(page, results):
    words = str(Words(page))
    for result in results.values():
        for finding in result.findings[1:]:
            assert finding in words


@pytest.mark.parametrize("target", ["sum", "abs"])
def test_with_a_learnable_target_there_is_no_talk_of_ln_2(tmp_path, target):
    settings = replace(SMALL, target=target, epochs=1)
    page = render(study_of(result_of(HEALTHY, tmp_path, settings), settings=settings))
    assert "ln 2" not in str(Words(page))


def test_an_interrupted_study_says_so(results):
    study = study_of(results["healthy"])
    assert "Interrupted." not in render(study)
    assert "Interrupted." in render(replace(study, interrupted=True))


def test_the_same_study_gives_the_same_page(results):
    study = study_of(results["healthy"], results["gateless"])
    assert render(study) == render(study)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1\u202f000"), (1234567, "1\u202f234\u202f567")]
)
def test_large_numbers_are_grouped(number, text):
    assert grouped(number) == text
