import math

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.nn import schedules

# Schedule, and its values at t.
TABLE = [
    (schedules.Constant(learning_rate=0.5), {0: 0.5, 1000: 0.5}),
    (
        schedules.StepDecay(learning_rate=1.0, length=10, factor=0.5),
        {0: 1.0, 9: 1.0, 10: 0.5, 19: 0.5, 20: 0.25},
    ),
    (schedules.ExponentialDecay(learning_rate=1.0, length=10), {0: 1.0, 5: 10**-0.5, 10: 0.1, 20: 0.01}),
    (
        schedules.CosineDecay(learning_rate=2.0, length=8, final_share=0.1),
        {0: 2.0, 2: 0.2 + 1.8 * (1 + math.sqrt(0.5)) / 2, 4: 1.1, 8: 0.2, 100: 0.2},
    ),
    (
        schedules.WarmUp(length=4, then=schedules.StepDecay(learning_rate=1.0, length=2)),
        {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 5: 1.0, 6: 0.1},
    ),
    (schedules.WarmUp(length=2, then=lambda t: 3.0), {0: 1.5, 1: 3.0, 2: 3.0}),
]


@pytest.mark.parametrize(("schedule", "rates"), TABLE, ids=lambda value: type(value).__name__)
def test_rates_are_those_of_the_table(schedule, rates):
    assert [schedule(t) for t in rates] == pytest.approx(list(rates.values()), rel=1e-14)


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in TABLE[:-1]])
def test_repr_makes_the_schedule_again(schedule):
    assert eval(repr(schedule), vars(schedules)) == schedule


class Rates(nn.Callback):
    def __init__(self):
        self.seen = []

    def on_step_end(self, model, step):
        self.seen.append(model.optimizer.learning_rate)


@pytest.mark.parametrize(
    ("per", "rates"), [("epoch", [1.0] * 3 + [0.5] * 3), ("step", [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125])]
)
def test_the_optimizer_gets_the_rate_of_its_epoch_or_step(per, rates):
    schedule = schedules.StepDecay(learning_rate=1.0, length=1, factor=0.5)
    optimizer, seen = nn.SGD(), Rates()
    model = nn.Sequential([nn.Dense(1, "sigmoid")])
    for _ in range(2):  # the second training starts anew
        seen.seen.clear()
        model.fit(
            np.ones((6, 2)),
            np.ones(6),
            epochs=2,
            batch_size=2,
            optimizer=optimizer,
            callbacks=[nn.LearningRate(schedule, per=per), seen],
        )
        assert seen.seen == rates
    assert optimizer.learning_rate == rates[-1]


def test_the_steps_are_those_of_an_optimizer_whose_rate_is_set_by_hand():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    fitted, by_hand = (nn.Sequential([nn.Dense(1, "sigmoid")]).build(3) for _ in range(2))
    schedule = schedules.WarmUp(length=3, then=schedules.CosineDecay(learning_rate=0.1, length=5))
    fitted.fit(
        x, y, epochs=2, batch_size=10, shuffle=False, callbacks=[nn.LearningRate(schedule, per="step")]
    )
    optimizer = nn.Adam()
    for step in range(8):
        rows = slice(step % 4 * 10, step % 4 * 10 + 10)
        by_hand.loss_and_gradients(x[rows], y[rows], "binary_crossentropy")
        optimizer.learning_rate = schedule(step)
        optimizer.step(by_hand.parameters, by_hand.gradients)
    np.testing.assert_array_equal(fitted.parameters, by_hand.parameters)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: schedules.Constant(learning_rate=0.0),
            ValueError,
            "learning_rate is 0.0, expected a finite",
        ),
        (lambda: schedules.Constant(learning_rate=np.inf), ValueError, "learning_rate is inf"),
        (lambda: schedules.StepDecay(learning_rate="1", length=2), TypeError, "learning_rate is '1'"),
        (lambda: schedules.StepDecay(learning_rate=1.0, length=0), ValueError, "length is 0, expected an"),
        (
            lambda: schedules.ExponentialDecay(learning_rate=1.0, length=2, factor=1.5),
            ValueError,
            r"factor is 1.5, expected a number in \(0, 1\]",
        ),
        (
            lambda: schedules.CosineDecay(learning_rate=1.0, length=2, final_share=0.0),
            ValueError,
            r"final_share is 0.0, expected a number in \(0, 1\]",
        ),
        (lambda: schedules.WarmUp(length=2.5, then=abs), TypeError, "length is 2.5, expected an integer"),
        (lambda: schedules.WarmUp(length=2, then=0.1), TypeError, "then is 0.1, expected a schedule"),
        (lambda: nn.LearningRate(0.1), TypeError, "schedule is 0.1, expected a function of t"),
        (lambda: nn.LearningRate(schedules.Constant), TypeError, "expected a function of t"),
        (lambda: nn.LearningRate(abs, per="batch"), ValueError, "per is 'batch', expected 'epoch' or 'step'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_rate_that_is_none_stops_the_training():
    model = nn.Sequential([nn.Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match=r"learning_rate is nan, expected a finite number > 0"):
        model.fit(np.ones((4, 2)), np.ones(4), epochs=1, callbacks=[nn.LearningRate(lambda t: math.nan)])


def test_an_optimizer_without_a_rate_is_named():
    class Still(nn.Optimizer):
        def __init__(self):
            self.reset()

        def __repr__(self):
            return "Still()"

        def _move(self, parameters, gradients):
            pass

    schedule = nn.LearningRate(schedules.Constant(learning_rate=1.0))
    with pytest.raises(TypeError, match=r"the optimizer is Still\(\), expected one with a learning_rate"):
        nn.Sequential([nn.Dense(1)]).fit(
            np.ones((4, 2)), np.ones(4), epochs=1, optimizer=Still(), callbacks=[schedule]
        )
