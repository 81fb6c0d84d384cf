"""A report as a page: what must stand in it, escaped, and that it loads nothing."""

import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.report import records
from relu_fast.report.text import explain_causes
from relu_fast.verdicts import STATES

pytest.importorskip("jinja2")

from relu_fast.report import page


class Tags(HTMLParser):
    """The elements that are open; whoever closes another one is noted."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def watched(*, z: np.ndarray, name: str = "fc1", activation: str = "relu") -> rf.DeadUnitMonitor:
    monitor = rf.DeadUnitMonitor()
    with monitor.complete_pass("validation"):
        monitor.observe(name, z, activation=activation)
    return monitor


Z = np.array([[-1.0, 2.0, np.nan, -3.0, 1.0], [-1.0, -2.0, 1.0, -4.0, 1.0]])


def every_state() -> rf.report.Report:
    monitor = watched(z=Z)
    with monitor.complete_pass("validation"):
        monitor.observe("fc1", Z)
        monitor.observe("fc2", -np.ones((2, 3)), activation="elu")
    monitor.observe_grad("fc3", np.ones((2, 2)))
    monitor.observe_bounds("fc1", np.full(5, -9.0), [-0.5, 9.0, 9.0, 9.0, 9.0], box="all in [-1, 1]")
    return monitor.report()


def test_every_unit_has_a_cell_of_its_state():
    report = every_state()
    text = page.render(report)
    states = [str(state) for layer in report.layers.values() for state in layer.states]
    assert set(states) == set(STATES)
    for state in STATES:
        assert len(re.findall(rf'<rect class="{state}" [^>]*rx="2"', text)) == states.count(state)


def test_the_page_is_whole_and_loads_nothing():
    tags = Tags(page.render(every_state(), facts={"data": "x.npy"}, outcomes=[("failed dead>5%: all", True)]))
    assert tags.wrong == tags.open == []
    for _, attribute, value in tags.attributes:
        assert attribute not in ("src", "href", "xlink:href", "onload")
        assert "http" not in (value or "")


def test_what_comes_from_outside_is_escaped():
    report = watched(z=Z, name="<b>&fc</b>").report()
    text = page.render(report, title="<i>t", facts={"<u>": "<script>"}, outcomes=[("failed <em>", True)])
    for raw in ("<b>", "<i>t", "<u>", "<script", "<em>"):
        assert raw not in text
    assert "&lt;b&gt;&amp;fc&lt;/b&gt;" in text


def test_evidence_and_text_stand_in_the_page():
    report = watched(z=Z).report()
    text = page.render(report)
    assert "never fired in a complete pass of 2 examples; largest z -3, 3 below the gate 0" in text
    assert "Evidence for 3 units" in text
    assert str(report).splitlines()[0] in text


def test_what_is_not_known_is_a_question_mark():
    monitor = rf.DeadUnitMonitor()
    monitor.observe("fc1", -np.ones((2, 3)))
    text = page.render(monitor.report())
    # Dead is not known without a complete pass, dormant has no answer where all is 0.
    assert text.count("<td>?</td>") == 2
    monitor.observe_grad("fc2", np.ones((2, 3)))
    assert page.render(monitor.report()).count("<td>?</td>") == 2 + 8


def test_nothing_observed_is_said():
    assert "Nothing was observed yet" in page.render(rf.DeadUnitMonitor().report())


@pytest.mark.parametrize("units", [page.MAPPED, page.MAPPED + 1, 100_000])
def test_the_page_stays_small(units):
    text = page.render(watched(z=-np.ones((1, units))).report())
    assert len(text) < 400_000
    assert text.count('rx="2"') == (units if units <= page.MAPPED else 0)
    assert text.count('<th scope="row">') == page.LISTED


def test_deaths_and_their_causes_are_listed():
    monitor = rf.DeadUnitMonitor()
    for step, (z, bias) in enumerate((([[1.0, 1.0]], 0.0), ([[-1.0, 1.0]], -2.0), ([[1.0, 1.0]], 0.0))):
        monitor.observe_weights("fc1", np.eye(2), np.array([bias, 0.0]))
        with monitor.complete_pass("validation"):
            monitor.observe("fc1", np.array(z))
        monitor.snapshot(step)
    report = monitor.report()
    assert [event.kind for event in report.events] == ["death", "revival"]
    text = page.render(report)
    assert explain_causes([report.events[0].cause]) in text
    assert "Deaths and revivals" in text
    assert '<td class="left">death</td>' in text
    assert "step 2" in text


def test_a_report_writes_itself(tmp_path):
    report = every_state()
    assert report.to_html(tmp_path / "report.html") is None
    assert (tmp_path / "report.html").read_text() == page.render(report)
    assert os.listdir(tmp_path) == ["report.html"]
    with pytest.raises(FileNotFoundError):
        report.to_html(tmp_path / "missing" / "report.html")


def test_without_jinja2_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"to_html needs jinja2: pip install 'relu_fast\[lab\]'"):
        every_state().to_html(tmp_path / "report.html")
    assert os.listdir(tmp_path) == []
