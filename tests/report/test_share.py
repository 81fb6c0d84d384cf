import math

import pytest
from scipy.stats import binom, binomtest

from relu_fast.report.share import LEVEL, Share


@pytest.mark.parametrize(
    ("count", "of"), [(0, 1), (1, 1), (0, 1000), (3, 10), (500, 1000), (999, 1000), (881, 1000)]
)
def test_the_interval_is_wilsons(count, of):
    expected = binomtest(count, of).proportion_ci(LEVEL, method="wilson")
    assert Share(count, of).interval == pytest.approx((expected.low, expected.high), abs=1e-15)


@pytest.mark.parametrize("of", [1, 7, 1000])
def test_the_interval_reaches_0_and_1_exactly_and_never_leaves_them(of):
    low, high = Share(0, of).interval
    assert low == 0.0 < high < 1.0
    low, high = Share(of, of).interval
    assert 0.0 < low < high == 1.0


@pytest.mark.parametrize("p", [0.02, 0.3, 0.88])
def test_about_95_of_100_intervals_hold_the_truth(p):
    n = 400
    inside = [k for k in range(n + 1) if Share(k, n).interval[0] <= p <= Share(k, n).interval[1]]
    assert binom.pmf(inside, n, p).sum() == pytest.approx(LEVEL, abs=0.02)


def test_share_and_standard_error():
    share = Share(20, 100)
    assert share.value == 0.2
    assert share.standard_error == pytest.approx(math.sqrt(0.2 * 0.8 / 100))
    assert str(share) == "0.2000 [0.1334, 0.2888]"
    low, high = share.interval
    assert share.to_dict() == {"count": 20, "of": 100, "share": 0.2, "low": low, "high": high}


@pytest.mark.parametrize(("count", "of"), [(-1, 3), (4, 3), (0, 0)])
def test_what_is_no_share_is_refused(count, of):
    with pytest.raises(ValueError, match=rf"Share\(count={count}, of={of}\): expected 0 <= count <= of"):
        Share(count, of)
