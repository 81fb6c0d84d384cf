"""What the tests of the monitor share: a batch, and what can be seen of a monitor from outside."""

import numpy as np

# Four examples of four units: never, always, half of the time; the last saw a NaN.
Z = np.array(
    [[-1.0, 1.0, 2.0, 1.0], [-0.5, 2.0, -2.0, np.nan], [-2.0, 3.0, 4.0, 1.0], [0.0, 4.0, -4.0, 1.0]],
    np.float32,
)
TRAINED = ["unfired", "always_on", "alive", "non_finite"]
PASSED = ["dead", "always_on", "alive", "non_finite"]


def states(report, name="fc1"):
    return report.layers[name].states.tolist()


def passed(monitor, *batches, phase="validation", name="fc1", **kwargs):
    """A complete pass over some batches, or over those of one iterator."""
    with monitor.complete_pass(phase):
        for z in batches if isinstance(batches[0], np.ndarray) else batches[0]:
            monitor.observe(name, z, **kwargs)


def facts(monitor):
    """All that can be seen of a monitor from outside."""
    return monitor.report().to_dict()
