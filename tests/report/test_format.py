"""How numbers are written."""

import pytest

from relu_fast.report.format import counted, percent, span, table, unit_list


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "?"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (0.12345, "12.3 %"),
        (4.99e-5, "0.00499 %"),
        (1e-9, "1e-07 %"),
        (0.9994, "99.9 %"),
        (0.9996, "> 99.9 %"),
        (1 - 1e-12, "> 99.9 %"),
    ],
)
def test_shares_are_never_rounded_to_nothing_or_all(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("units", "text"),
    [
        ([], "none (0 units)"),
        ([5], "5 (1 unit)"),
        ([0, 1], "0-1 (2 units)"),
        ([0, 3, *range(17, 64)], "0, 3, 17-63 (49 units)"),
        (range(0, 16, 2), "0, 2, 4, 6, 8, 10, 12, 14 (8 units)"),
        (range(0, 18, 2), "0, 2, 4, 6, 8, 10, 12, 14, ... (9 units)"),
        ([*range(0, 16, 2), 15], "0, 2, 4, 6, 8, 10, 12, 14-15 (9 units)"),
    ],
)
def test_unit_numbers_are_shortened(units, text):
    assert unit_list(units) == text


def test_the_limit_counts_numbers_and_ranges():
    assert unit_list([0, 1, 5, 9, 10], limit=2) == "0-1, 5, ... (5 units)"


@pytest.mark.parametrize(
    ("values", "text"), [([-0.5], "-0.5"), ([-0.5, -3.25, -1], "-3.25 to -0.5"), ([1.0001, 1.0002], "1")]
)
def test_a_span_of_numbers_is_its_ends(values, text):
    assert span(values) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 units"), (1, "1 unit"), (2, "2 units")])
def test_nouns_follow_their_number(number, text):
    assert counted(number, "unit") == text


def test_columns_of_a_table_are_aligned():
    assert table(("name", "n", "share"), [("a", "10", "1 %"), ("longer", "5", "12.5 %")]).splitlines() == [
        "name     n   share",
        "------  --  ------",
        "a       10     1 %",
        "longer   5  12.5 %",
    ]


def test_more_columns_can_stand_on_the_left_and_rows_may_be_missing():
    assert table(("a", "bb", "c"), [("x", "y", "z")], left=2).splitlines()[2] == "x  y   z"
    assert table(("a", "bb"), []).splitlines() == ["a  bb", "-  --"]
