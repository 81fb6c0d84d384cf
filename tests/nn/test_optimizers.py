import copy
import math
import pickle

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.nn import optimizers

START = [1.0, -1.0, 0.5]
GRADIENTS = [[0.1, -2.0, 0.0], [0.3, 1e-8, 0.0], [-0.2, 0.5, 1e-3]]
# What Keras 3.15 makes of START with GRADIENTS, in float64.
KERAS = [
    (nn.Adam(), [0.9978243580564026, -0.9979825634646534, 0.49936320013857727]),
    (
        nn.Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.9, epsilon=0.01),
        [0.837156306214307, -0.8539182888659196, 0.49711646202911675],
    ),
    (nn.SGD(learning_rate=0.1), [0.98, -0.8500000010000001, 0.4999]),
    (nn.SGD(learning_rate=0.1, momentum=0.9), [0.9359, -0.5080000018999999, 0.4999]),
]


@pytest.mark.parametrize(("optimizer", "expected"), KERAS, ids=lambda value: repr(value))
def test_optimizers_agree_with_keras(optimizer, expected):
    optimizer.reset()
    parameters = np.array(START)
    for gradient in GRADIENTS:
        optimizer.step(parameters, np.array(gradient))
    np.testing.assert_allclose(parameters, expected, rtol=1e-14)


def adam_by_hand(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        alpha = learning_rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - alpha * m / (math.sqrt(v) + epsilon)
    return w


def sgd_by_hand(w, gradients, learning_rate=0.01, momentum=0.0):
    v = 0.0
    for g in gradients:
        v = momentum * v - learning_rate * g
        w = w + v
    return w


@pytest.mark.parametrize(
    ("make", "by_hand", "options"),
    [
        (nn.SGD, sgd_by_hand, {}),
        (nn.SGD, sgd_by_hand, {"learning_rate": 0.3, "momentum": 0.7}),
        (nn.Adam, adam_by_hand, {}),
        (nn.Adam, adam_by_hand, {"learning_rate": 0.02, "beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-3}),
    ],
)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_five_hundred_steps_are_those_of_a_loop_by_hand(make, by_hand, options, dtype, rtol):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(500, 6)).astype(dtype) * np.array([1, 1e-3, 1e-6, 10, 1, 0], dtype)
    start = rng.normal(size=6).astype(dtype)
    parameters, optimizer = start.copy(), make(**options)
    for gradient in gradients:
        before = gradient.copy()
        optimizer.step(parameters, gradient)
        np.testing.assert_array_equal(gradient, before)
    assert parameters.dtype == dtype
    expected = [by_hand(float(w), gradients[:, i].astype(float), **options) for i, w in enumerate(start)]
    np.testing.assert_allclose(parameters, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("optimizer", [nn.Adam(), nn.SGD(momentum=0.9)])
def test_moments_of_weights_without_gradient_never_become_subnormal(optimizer):
    parameters = np.zeros(4, np.float32)
    optimizer.step(parameters, np.full(4, 1e-3, np.float32))
    tiny = np.finfo(np.float32).tiny
    for _ in range(2000):
        optimizer.step(parameters, np.zeros(4, np.float32))
        for moment in optimizer._moments:
            assert not ((moment != 0) & (np.abs(moment) < tiny)).any()
    np.testing.assert_array_equal(optimizer._moments[0], 0.0)


def test_the_learning_rate_can_change_between_steps():
    parameters, optimizer = np.zeros(1), nn.SGD(learning_rate=1.0)
    optimizer.step(parameters, np.ones(1))
    optimizer.learning_rate = 0.25
    optimizer.step(parameters, np.ones(1))
    assert parameters[0] == -1.25


@pytest.mark.parametrize("make", optimizers.OPTIMIZERS.values())
def test_an_optimizer_moves_one_vector_until_it_is_reset(make):
    optimizer, first, second = make(), np.zeros(3), np.zeros(3)
    optimizer.step(first, np.ones(3))
    optimizer.step(first[:], np.ones(3))  # another view of the same vector
    with pytest.raises(ValueError, match="already moves another parameter vector: take a new one"):
        optimizer.step(second, np.ones(3))
    np.testing.assert_array_equal(second, 0.0)
    optimizer.reset()
    optimizer.step(second, np.ones(3))
    assert (second < 0).all()


@pytest.mark.parametrize("gradients", [np.ones(2), np.ones((3, 1)), np.ones(3, np.float32)])
def test_gradients_that_do_not_fit_are_refused(gradients):
    parameters = np.zeros(3)
    with pytest.raises(ValueError, match=r"gradients are float.*expected float64 \(3,\) as the parameters"):
        nn.Adam().step(parameters, gradients)
    np.testing.assert_array_equal(parameters, 0.0)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (nn.SGD, {"learning_rate": 0.0}, "learning_rate is 0.0, expected a finite number > 0"),
        (nn.SGD, {"learning_rate": math.inf}, "learning_rate is inf"),
        (nn.SGD, {"momentum": 1.0}, r"momentum is 1.0, expected a number in \[0, 1\)"),
        (nn.Adam, {"learning_rate": -1.0}, "learning_rate is -1.0"),
        (nn.Adam, {"beta_1": 1.0}, "beta_1 is 1.0"),
        (nn.Adam, {"beta_2": -0.1}, "beta_2 is -0.1"),
        (nn.Adam, {"beta_2": math.nan}, "beta_2 is nan"),
        (nn.Adam, {"epsilon": 0.0}, "epsilon is 0.0"),
    ],
)
def test_hyperparameters_outside_their_range_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)

    optimizer = make()
    before = repr(optimizer)
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=message):
        setattr(optimizer, name, value)
    assert repr(optimizer) == before


@pytest.mark.parametrize(
    ("make", "name"), [(nn.SGD, "learning_rate"), (nn.SGD, "momentum"), (nn.Adam, "epsilon")]
)
@pytest.mark.parametrize("value", ["a", None, [0.1]])
def test_hyperparameters_that_are_no_numbers_are_refused(make, name, value):
    with pytest.raises(TypeError, match=f"{name} is .*, expected a"):
        make(**{name: value})


def test_momentum_can_change_between_steps():
    parameters, optimizer = np.zeros(1), nn.SGD(learning_rate=1.0)
    for momentum, expected in ((0.0, -1.0), (0.5, -2.0), (0.5, -3.5), (0.0, -4.5), (0.5, -6.0)):
        optimizer.momentum = momentum
        optimizer.step(parameters, np.ones(1))
        assert parameters[0] == expected


def test_a_step_that_is_refused_adopts_no_vector():
    optimizer, parameters = nn.Adam(), np.zeros(3)
    with pytest.raises(ValueError, match="gradients are"):
        optimizer.step(np.zeros(2), np.ones(3))
    optimizer.step(parameters, np.ones(3))
    assert (parameters < 0).all()


@pytest.mark.parametrize("optimizer", [nn.SGD(learning_rate=0.5), nn.Adam(beta_1=0.5)])
def test_repr_makes_the_optimizer_again(optimizer):
    assert repr(eval(repr(optimizer), vars(nn))) == repr(optimizer)


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match="unknown optimizer 'adm'; choose from sgd, adam"):
        optimizers.get("adm")
    with pytest.raises(TypeError, match="expected a name or an Optimizer"):
        optimizers.get(nn.Adam)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("clip_norm", "expected"), [(2.5, [1.5, 2.0]), (5.0, [3.0, 4.0]), (100.0, [3.0, 4.0])]
)
def test_clip_by_global_norm_scales_only_what_is_too_long(dtype, clip_norm, expected):
    gradients = np.array([3.0, 4.0], dtype)
    assert nn.clip_by_global_norm(gradients, clip_norm) == pytest.approx(5.0)
    np.testing.assert_allclose(gradients, expected, rtol=1e-6)


def test_clip_by_global_norm_survives_squares_that_overflow():
    gradients = np.array([3e30, 4e30], np.float32)
    assert nn.clip_by_global_norm(gradients, 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(gradients, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_clip_by_global_norm_makes_gradients_without_norm_nan(value):
    gradients = np.array([1.0, value])
    assert not math.isfinite(nn.clip_by_global_norm(gradients, 1.0))
    assert np.isnan(gradients).all()


@pytest.mark.parametrize("clip_norm", [0.0, -1.0, math.nan, math.inf])
def test_clip_norm_must_be_positive(clip_norm):
    gradients = np.ones(2)
    with pytest.raises(ValueError, match=r"clip_norm is .*expected a finite number > 0"):
        nn.clip_by_global_norm(gradients, clip_norm)
    np.testing.assert_array_equal(gradients, 1.0)


@pytest.mark.parametrize("gradients", [[np.ones(2), np.ones(3)], [1.0], np.ones(2, int)])
def test_clip_by_global_norm_takes_one_array_of_floats(gradients):
    with pytest.raises(TypeError, match=r"gradients is a (list|int64), expected one array of floats"):
        nn.clip_by_global_norm(gradients, 1.0)


def trained_for(optimizer, steps, size=6, dtype=np.float64, idle=(), seed=0):
    """A vector after some steps; the entries in `idle` never get a gradient, like the weights of a dead unit."""
    rng = np.random.default_rng(seed)
    parameters = rng.normal(size=size).astype(dtype)
    for _ in range(steps):
        gradients = rng.normal(size=size).astype(dtype)
        gradients[list(idle)] = 0.0
        optimizer.step(parameters, gradients)
    return parameters


RESET = [2, 4]
RESETTABLE = [
    nn.Adam(),
    nn.Adam(learning_rate=0.02, beta_1=0.0, beta_2=0.5),
    nn.Adam(beta_1=0.95, beta_2=0.9),
    nn.SGD(momentum=0.9),
    nn.SGD(),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("before", [1, 100, 3000])
@pytest.mark.parametrize("optimizer", RESETTABLE, ids=repr)
def test_entries_that_are_reset_move_as_in_a_new_optimizer_and_the_others_as_if_nothing_was(
    optimizer, before, dtype
):
    optimizer = copy.deepcopy(optimizer)
    parameters = trained_for(optimizer, before, dtype=dtype)
    untouched, reference = copy.deepcopy((optimizer, parameters))
    fresh, young = type(optimizer)(**vars_of(optimizer)), parameters[RESET].copy()
    live = np.setdiff1d(np.arange(6), RESET)

    optimizer.reset_entries(RESET)
    rng = np.random.default_rng(1)
    # Past the step at which tiny moments are set to zero.
    for _ in range(400):
        gradients = rng.normal(size=6).astype(dtype)
        optimizer.step(parameters, gradients)
        untouched.step(reference, gradients)
        fresh.step(young, gradients[RESET])
        np.testing.assert_array_equal(parameters[live], reference[live])
        np.testing.assert_array_equal(parameters[RESET], young)
    for moment, expected in zip(optimizer._moments, untouched._moments, strict=True):
        np.testing.assert_array_equal(moment[live], expected[live])


def vars_of(optimizer):
    return {name: getattr(optimizer, name) for name in type(optimizer).__dataclass_fields__}


@pytest.mark.parametrize("clip_norm", [None, 1e-3])
@pytest.mark.parametrize("learning_rate", [0.001, 0.1])
@pytest.mark.parametrize("gradient", [1e-3, -20.0])
def test_the_first_update_after_a_reset_has_the_size_of_the_learning_rate(gradient, learning_rate, clip_norm):
    optimizer = nn.Adam()
    parameters = trained_for(optimizer, 3000, idle=RESET)
    kept, reference = copy.deepcopy((optimizer, parameters))
    optimizer.reset_entries(RESET)
    before, gradients = parameters.copy(), np.full(6, gradient)
    if clip_norm:
        nn.clip_by_global_norm(gradients, clip_norm)
    for each, vector in ((optimizer, parameters), (kept, reference)):
        each.learning_rate = learning_rate
        each.step(vector, gradients)
    expected = -learning_rate * np.sign(gradient)
    np.testing.assert_allclose((parameters - before)[RESET], expected, rtol=0.01)
    # What the reset is for: with the old number of steps it would be about three times of it.
    assert (np.abs(reference - before)[RESET] > 2.9 * learning_rate).all()
    live = np.setdiff1d(np.arange(6), RESET)
    np.testing.assert_array_equal(parameters[live], reference[live])


def test_entries_may_be_reset_again_and_at_different_times():
    optimizer, rng = nn.Adam(), np.random.default_rng(1)
    parameters = trained_for(optimizer, 50)
    resets = {0: [1, 2, 3], 5: [3, 4], 9: [1], 10: [1, 1], 11: []}
    since = {}
    gradients = rng.normal(size=(40, 6))
    for step, gradient in enumerate(gradients):
        if step in resets:
            optimizer.reset_entries(resets[step])
            since |= {i: (step, parameters[i].copy()) for i in resets[step]}
        optimizer.step(parameters, gradient)
    for i, (step, start) in since.items():
        expected = adam_by_hand(float(start), gradients[step:, i])
        np.testing.assert_allclose(parameters[i], expected, rtol=1e-13)


def test_what_is_old_enough_costs_nothing_any_more():
    optimizer, parameters = nn.Adam(beta_2=0.9), np.zeros(4, np.float32)
    gradients = np.array([1.0, -1.0, 0.5, 2.0], np.float32)
    optimizer.step(parameters, gradients)
    optimizer.reset_entries([1])
    assert optimizer._late.tolist() == [1]
    for _ in range(2 * optimizers.FLUSH_EVERY):  # 0.9**256 is below half an epsilon
        optimizer.step(parameters, gradients)
    assert optimizer._late.size == 0
    assert optimizer._beginnings == []


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_know_which_entries_were_reset(clone):
    optimizer = nn.Adam()
    parameters = trained_for(optimizer, 10)
    optimizer.reset_entries(RESET)
    copied, vector = clone((optimizer, parameters))
    for each, where in ((optimizer, parameters), (copied, vector)):
        each.step(where, np.arange(6.0))
    np.testing.assert_array_equal(vector, parameters)
    copied.reset_entries([0])
    assert optimizer._late.tolist() == RESET


@pytest.mark.parametrize("make", optimizers.OPTIMIZERS.values())
def test_before_the_first_step_there_is_nothing_to_reset(make):
    optimizer, other = make(), make()
    optimizer.reset_entries([0, 5])
    np.testing.assert_array_equal(trained_for(optimizer, 3), trained_for(other, 3))
    optimizer.reset()
    optimizer.adopt(np.zeros(6))
    optimizer.reset_entries([0, 5])
    optimizer.reset()
    np.testing.assert_array_equal(trained_for(optimizer, 3), trained_for(other.__class__(), 3))


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([0, 6], IndexError, "indices holds 6, expected positions in 6 parameters"),
        ([-1], IndexError, "indices holds -1, expected positions"),
        ([1.0], TypeError, "indices has dtype float64, expected integers"),
        ([True, False], TypeError, "indices has dtype bool"),
        (["a"], TypeError, "indices has dtype <U1"),
    ],
)
def test_entries_that_do_not_exist_are_refused(indices, error, message):
    optimizer = nn.Adam()
    trained_for(optimizer, 3)
    before = copy.deepcopy(optimizer._moments)
    with pytest.raises(error, match=message):
        optimizer.reset_entries(indices)
    for moment, expected in zip(optimizer._moments, before, strict=True):
        np.testing.assert_array_equal(moment, expected)


@pytest.mark.parametrize(
    "make", [nn.SGD, lambda: nn.SGD(momentum=0.9), nn.Adam, lambda: nn.Adam(beta_1=0.0)], ids=range(4)
)
def test_the_last_change_is_what_the_step_added(make):
    optimizer, parameters, rng = make(), np.array(START), np.random.default_rng(0)
    assert optimizer.last_change is None
    for _ in range(3):
        before = parameters.copy()
        optimizer.step(parameters, rng.normal(size=3))
        np.testing.assert_allclose(before + optimizer.last_change, parameters, rtol=1e-15)
    optimizer.reset()
    assert optimizer.last_change is None


def test_an_optimizer_that_does_not_tell_has_no_last_change():
    class Plain(optimizers.Optimizer):
        def _move(self, parameters, gradients):
            parameters -= gradients

    optimizer = Plain()
    optimizer.reset()
    optimizer.step(np.array(START), np.array(START))
    assert (optimizer.last_change, optimizer.longest_change, optimizer.first_moment) == (None, None, None)


@pytest.mark.parametrize(
    ("beta_1", "beta_2"), [(0.9, 0.999), (0.0, 0.999), (0.9, 0.9), (0.3, 0.5), (0.99, 0.9999)]
)
def test_no_step_of_adam_is_longer_than_it_says(beta_1, beta_2):
    def longest(gradients):
        optimizer = nn.Adam(beta_1=beta_1, beta_2=beta_2, learning_rate=0.5)
        found, parameters = 0.0, np.zeros(gradients.shape[1])
        for gradient in gradients / np.abs(gradients).max(axis=0):
            optimizer.step(parameters, gradient)
            found = max(found, np.abs(optimizer.last_change).max())
        return found

    steps, rng = 200, np.random.default_rng(0)
    rare = np.zeros((steps, 4))
    rare[[0, 5, 60, 199], range(4)] = 1.0
    bound = nn.Adam(beta_1=beta_1, beta_2=beta_2, learning_rate=0.5).longest_change * (1 + 1e-12)
    assert 0.0 < longest(np.hstack([rare, rng.normal(size=(steps, 4)), np.ones((steps, 1))])) <= bound
    # Those that grow as is worst.
    growing = (beta_2 / max(beta_1, 0.1)) ** np.arange(steps)[:, None]
    assert longest(growing) <= bound / math.sqrt(1.0 - beta_1**2 / beta_2)


def test_adam_has_no_longest_step_where_its_first_moment_outlives_the_second():
    assert nn.Adam(beta_1=0.9, beta_2=0.89).longest_change is None
    assert nn.Adam(beta_1=0.0, beta_2=0.0).longest_change is None
    assert nn.SGD().longest_change is None


def test_the_first_moment_is_what_goes_on_moving_the_parameters():
    for optimizer, keeps in ((nn.SGD(), False), (nn.SGD(momentum=0.5), True), (nn.Adam(), True)):
        parameters = np.array(START)
        optimizer.step(parameters, np.array([0.0, 1.0, -1.0]))
        moment = optimizer.first_moment
        assert (moment is not None) == keeps
        assert not keeps or (moment != 0).tolist() == [False, True, True]
