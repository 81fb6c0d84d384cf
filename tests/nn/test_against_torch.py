"""The same networks in PyTorch, where it is installed; the tables of the other files hold its numbers."""

import numpy as np
import pytest

from relu_fast import nn

torch = pytest.importorskip("torch")

ACTIVATIONS = {
    "relu": torch.relu,
    "relu6": torch.nn.functional.relu6,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "selu": torch.selu,
    "celu": torch.celu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "softplus": torch.nn.functional.softplus,
    "softsign": torch.nn.functional.softsign,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    # its own hardsigmoid takes 1/6 from float32
    "hardsigmoid": lambda z: torch.clamp(z / 6 + 0.5, 0, 1),
    "hardswish": torch.nn.functional.hardswish,
    "hardtanh": torch.nn.functional.hardtanh,
}
LOSSES = {
    "mean_squared_error": torch.nn.functional.mse_loss,
    "binary_crossentropy": torch.nn.functional.binary_cross_entropy,
    "binary_crossentropy_from_logits": torch.nn.functional.binary_cross_entropy_with_logits,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_twenty_steps_are_those_of_pytorch(activation, loss, dtype, rtol):
    rng = np.random.default_rng(0)
    last = None if loss == "binary_crossentropy_from_logits" else "sigmoid"
    model = nn.Sequential(
        [
            nn.Dense(16, activation, bias_initializer="random_normal"),
            nn.Dense(8, activation, bias_initializer="random_normal"),
            nn.Dense(2, last),
        ]
    ).build(5, dtype=dtype, seed=1)
    x, y = rng.normal(size=(32, 5)).astype(dtype), rng.integers(0, 2, (32, 2)).astype(dtype)
    weights = [
        torch.tensor(parameter, requires_grad=True)
        for layer in model.layers
        for parameter in (layer.kernel, layer.bias)
    ]
    theirs = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
    ours = nn.SGD(learning_rate=0.1, momentum=0.9)
    for _ in range(20):
        h = torch.tensor(x)
        for i, function in enumerate((ACTIVATIONS[activation], ACTIVATIONS[activation], torch.sigmoid)):
            h = h @ weights[2 * i] + weights[2 * i + 1]
            if i < 2 or last is not None:
                h = function(h)
        value = LOSSES[loss](h, torch.tensor(y))
        theirs.zero_grad()
        value.backward()
        assert model.loss_and_gradients(x, y, loss) == pytest.approx(value.item(), rel=rtol)
        flat = np.concatenate([weight.grad.numpy().ravel() for weight in weights])
        np.testing.assert_allclose(model.gradients, flat, rtol=rtol, atol=rtol * np.abs(flat).max())
        theirs.step()
        ours.step(model.parameters, model.gradients)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_twenty_steps_with_batch_normalisation_and_learned_slopes_are_those_of_pytorch(shared, dtype, rtol):
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        [
            nn.Dense(16),
            nn.BatchNorm(momentum=0.9, epsilon=1e-5),
            nn.Activation("relu"),
            nn.Dense(8),
            nn.BatchNorm(momentum=0.9, epsilon=1e-5),
            nn.PReLU(shared=shared),
            nn.Dense(2),
        ]
    ).build(5, dtype=dtype, seed=1)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 16),
        torch.nn.BatchNorm1d(16),
        torch.nn.ReLU(),
        torch.nn.Linear(16, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.PReLU(1 if shared else 8),
        torch.nn.Linear(8, 2),
    ).to(getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        for layer, module in zip(model.layers, theirs, strict=True):
            if isinstance(layer, nn.Dense):
                module.weight[...] = torch.tensor(layer.kernel.T)
                module.bias[...] = torch.tensor(layer.bias)
    x, y = rng.normal(size=(32, 5)).astype(dtype), rng.integers(0, 2, (32, 2)).astype(dtype)
    descent = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    ours = nn.SGD(learning_rate=0.1, momentum=0.9)
    for _ in range(20):
        value = torch.nn.functional.binary_cross_entropy_with_logits(theirs(torch.tensor(x)), torch.tensor(y))
        descent.zero_grad()
        value.backward()
        assert model.loss_and_gradients(x, y, "binary_crossentropy_from_logits") == pytest.approx(
            value.item(), rel=rtol
        )
        flat = np.concatenate([weight.grad.numpy().T.ravel() for weight in theirs.parameters()])
        np.testing.assert_allclose(model.gradients, flat, rtol=rtol, atol=rtol * np.abs(flat).max())
        descent.step()
        ours.step(model.parameters, model.gradients)
    for i in (1, 4):
        np.testing.assert_allclose(
            model.layers[i].moving_mean, theirs[i].running_mean.numpy(), rtol, atol=rtol
        )
        # PyTorch averages the unbiased variance of the batches.
        biased = (theirs[i].running_var.numpy() - 0.9**20) * 31 / 32 + 0.9**20
        np.testing.assert_allclose(model.layers[i].moving_variance, biased, rtol)
        theirs[i].running_var[...] = torch.tensor(model.layers[i].moving_variance)
    theirs.eval()
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(model.predict(x), expected, rtol, atol=rtol)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_twenty_clipped_steps_of_a_schedule_towards_classes_are_those_of_pytorch(labelled, dtype, rtol):
    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(16, "relu"), nn.Dense(3)]).build(5, dtype=dtype, seed=1)
    x, labels = rng.normal(size=(32, 5)).astype(dtype), rng.integers(0, 3, 32)
    y = labels if labelled else rng.dirichlet(np.ones(3), 32).astype(dtype)
    weights = [torch.tensor(array, requires_grad=True) for array in model.arrays().values()]
    # Without momentum, in which a change of the rate counts otherwise than in Keras.
    theirs = torch.optim.SGD(weights, lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=20, eta_min=0.05)
    losses = []
    for _ in range(20):
        z = torch.relu(torch.tensor(x) @ weights[0] + weights[1]) @ weights[2] + weights[3]
        value = torch.nn.functional.cross_entropy(z, torch.tensor(y))
        theirs.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, 0.3)
        theirs.step()
        scheduler.step()
        losses.append(value.item())
    schedule = nn.schedules.CosineDecay(learning_rate=0.5, length=20, final_share=0.1)
    history = model.fit(
        x,
        y,
        epochs=20,
        batch_size=32,
        shuffle=False,
        loss="softmax_crossentropy",
        optimizer="sgd",
        clip_norm=0.3,
        callbacks=[nn.LearningRate(schedule)],
    )
    # PyTorch adds 1e-6 to the norm that it divides by.
    np.testing.assert_allclose(history.loss, losses, rtol=max(rtol, 1e-4))
