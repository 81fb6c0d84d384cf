from dataclasses import replace

import pytest

from relu_fast.report.sheet import Panel, Series, Sheet, image, render, text

SHEET = Sheet(
    title="Fish & <chips>",
    question="Is it warm?",
    answers=("It is.", "Half of it < all of it."),
    header=("what", "share"),
    rows=(("fish", "0.5"), ("chips", "0.25")),
    left=1,
    panels=(
        Panel("warm", (Series("measured", [1, 2, 3], [0.1, 0.2, 0.4], ([0, 0.1, 0.3], [0.2, 0.3, 0.5])),)),
        Panel("cold", (Series("bound", range(1, 4), [0.5, 0.6, 0.7], style="--"),)),
        Panel("gone", (Series("none", [1], [0.0]),)),
    ),
    x_label="minutes",
    y_label="share warm",
    caption='Warmth "by" minute',
    notes=("Measured with a <thermometer>.",),
    command="relu-fast lab fish --chips 3",
    versions={"relu_fast": "1.2.3"},
)


def test_text_has_the_table_and_the_answers():
    assert text(SHEET).splitlines() == [
        "what   share",
        "-----  -----",
        "fish     0.5",
        "chips   0.25",
        "",
        "It is.",
        "Half of it < all of it.",
    ]


def test_the_page_shows_everything_and_escapes_it():
    page = render(SHEET)
    for part in (
        "<h1>Fish &amp; &lt;chips&gt;</h1>",
        "Half of it &lt; all of it.",
        '<td class="word">chips</td>\n<td>0.25</td>',
        "&lt;thermometer&gt;",
        "relu-fast lab fish --chips 3",
        "relu_fast 1.2.3",
        "<svg",
        "share warm",
    ):
        assert part in page
    assert "<chips>" not in page
    assert "<?xml" not in page
    # It loads nothing.
    assert "src=" not in page
    assert "<script" not in page


@pytest.mark.parametrize(("form", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n")])
def test_the_same_sheet_gives_the_same_image(form, magic):
    data = image(SHEET, form)
    assert data.startswith(magic)
    assert image(SHEET, form) == data
    assert image(replace(SHEET, panels=SHEET.panels[:1]), form) != data
