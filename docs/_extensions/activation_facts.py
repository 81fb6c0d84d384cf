"""What the activation reference says beyond the table: derivatives, sources, names elsewhere.

All of it is tested: derivatives are evaluated and compared with the kernels, the statements of other libraries are
run where these are installed.
"""

from dataclasses import dataclass, field

__all__ = ["FACTS", "Facts"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one activation.

    Attributes
    ----------
    derivative : str
        A Python expression in x, the parameters and the names of `where`.
    where : dict
        Name -> expression.
    torch, keras, jax, onnx : str or None
        The same function elsewhere: expressions in x (and slope, of the shape of x), with ``F`` for
        torch.nn.functional; a node for ONNX. None: there is none.
    source : str
        Who defined it.
    note : str
        What else to know, in reStructuredText.
    """

    derivative: str
    where: dict[str, str] = field(default_factory=dict)
    torch: str | None = None
    keras: str | None = None
    jax: str | None = None
    onnx: str | None = None
    source: str = ""
    note: str = ""


LOGISTIC = {"s": "1 / (1 + exp(-x))"}

FACTS = {
    "relu": Facts(
        derivative="1 if x > 0 else 0",
        torch="F.relu(x)",
        keras="keras.activations.relu(x)",
        jax="jax.nn.relu(x)",
        onnx="Relu",
        source="Nair and Hinton, ICML 2010",
    ),
    "relu6": Facts(
        derivative="1 if 0 < x < 6 else 0",
        torch="F.relu6(x)",
        keras="keras.activations.relu6(x)",
        jax="jax.nn.relu6(x)",
        onnx="Clip(min=0, max=6)",
        source="Howard et al., arXiv 1704.04861",
    ),
    "squared_relu": Facts(
        derivative="2 * x if x > 0 else 0",
        torch="F.relu(x) ** 2",
        keras="keras.activations.relu(x) ** 2",
        jax="jax.nn.relu(x) ** 2",
        source="So et al., arXiv 2109.08668",
    ),
    "leaky_relu": Facts(
        derivative="1 if x > 0 else negative_slope",
        torch="F.leaky_relu(x)",
        keras="keras.activations.leaky_relu(x, negative_slope=0.01)",
        jax="jax.nn.leaky_relu(x)",
        onnx="LeakyRelu",
        source="Maas et al., ICML 2013",
        note="Keras' default slope is 0.2. With slope 0 it is relu, and has relu's gate.",
    ),
    "prelu": Facts(
        derivative="1 if x > 0 else weight",
        torch="F.prelu(x, slope[:1])",
        keras="keras.layers.PReLU()",
        jax="jax.nn.leaky_relu(x, slope)",
        onnx="PRelu",
        source="He et al., arXiv 1502.01852",
        note="The weight is learned. ``rf.prelu_backward`` also returns the derivative with respect to it, which "
        "is x where x is not positive and else 0. With weight 0 it has relu's gate.",
    ),
    "thresholded_relu": Facts(
        derivative="1 if x > alpha else 0",
        torch="F.threshold(x, 1.0, 0.0)",
        keras="keras.activations.threshold(x, 1.0, 0.0)",
        onnx="ThresholdedRelu",
        source="Konda et al., arXiv 1402.3337",
    ),
    "elu": Facts(
        derivative="1 if x > 0 else alpha * exp(x)",
        torch="F.elu(x)",
        keras="keras.activations.elu(x)",
        jax="jax.nn.elu(x)",
        onnx="Elu",
        source="Clevert et al., arXiv 1511.07289",
    ),
    "selu": Facts(
        derivative="1.0507009873554805 * (1 if x > 0 else 1.6732632423543772 * exp(x))",
        torch="F.selu(x)",
        keras="keras.activations.selu(x)",
        jax="jax.nn.selu(x)",
        onnx="Selu",
        source="Klambauer et al., arXiv 1706.02515",
    ),
    "celu": Facts(
        derivative="1 if x > 0 else exp(x / alpha)",
        torch="F.celu(x)",
        keras="keras.activations.celu(x)",
        jax="jax.nn.celu(x)",
        onnx="Celu",
        source="Barron, arXiv 1704.07483",
        note="With alpha 0 it is the limit, relu.",
    ),
    "gelu": Facts(
        derivative="(1 + erf(x / sqrt(2))) / 2 + x * exp(-x ** 2 / 2) / sqrt(2 * pi)",
        torch="F.gelu(x)",
        keras="keras.activations.gelu(x)",
        jax="jax.nn.gelu(x, approximate=False)",
        onnx="Gelu",
        source="Hendrycks and Gimpel, arXiv 1606.08415",
        note="JAX's default is the tanh approximation, which is :func:`relu_fast.gelu_tanh` here.",
    ),
    "gelu_tanh": Facts(
        derivative="(1 + t) / 2 + x * (1 - t ** 2) * 0.7978845608028654 * (1 + 0.134145 * x ** 2) / 2",
        where={"t": "tanh(0.7978845608028654 * (x + 0.044715 * x ** 3))"},
        torch='F.gelu(x, approximate="tanh")',
        keras="keras.activations.gelu(x, approximate=True)",
        jax="jax.nn.gelu(x)",
        onnx='Gelu(approximate="tanh")',
        source="Hendrycks and Gimpel, arXiv 1606.08415",
    ),
    "silu": Facts(
        derivative="s * (1 + x * (1 - s))",
        where=LOGISTIC,
        torch="F.silu(x)",
        keras="keras.activations.silu(x)",
        jax="jax.nn.silu(x)",
        onnx="Swish",
        source="Elfwing et al., arXiv 1702.03118",
    ),
    "swish": Facts(
        derivative="s * (1 + beta * x * (1 - s))",
        where={"s": "1 / (1 + exp(-beta * x))"},
        torch="x * torch.sigmoid(1.0 * x)",
        keras="x * keras.activations.sigmoid(1.0 * x)",
        jax="x * jax.nn.sigmoid(1.0 * x)",
        onnx="Swish(alpha=1)",
        source="Ramachandran et al., arXiv 1710.05941",
        note="What other libraries call swish has beta 1, which is :func:`relu_fast.silu`.",
    ),
    "mish": Facts(
        derivative="t + x * (1 - t ** 2) * s",
        where={"t": "tanh(log(1 + exp(x)))", **LOGISTIC},
        torch="F.mish(x)",
        keras="keras.activations.mish(x)",
        jax="jax.nn.mish(x)",
        onnx="Mish",
        source="Misra, arXiv 1908.08681",
    ),
    "softplus": Facts(
        derivative="1 / (1 + exp(-beta * x))",
        torch="F.softplus(x)",
        keras="keras.activations.softplus(x)",
        jax="jax.nn.softplus(x)",
        onnx="Softplus",
        source="Dugas et al., NIPS 2000",
        note="PyTorch's has a threshold, 20, above which it returns x; this one needs none.",
    ),
    "softsign": Facts(
        derivative="1 / (1 + abs(x)) ** 2",
        torch="F.softsign(x)",
        keras="keras.activations.softsign(x)",
        jax="jax.nn.soft_sign(x)",
        onnx="Softsign",
        source="Bergstra et al. 2009",
    ),
    "sigmoid": Facts(
        derivative="s * (1 - s)",
        where=LOGISTIC,
        torch="torch.sigmoid(x)",
        keras="keras.activations.sigmoid(x)",
        jax="jax.nn.sigmoid(x)",
        onnx="Sigmoid",
    ),
    "tanh": Facts(
        derivative="1 - tanh(x) ** 2",
        torch="torch.tanh(x)",
        keras="keras.activations.tanh(x)",
        jax="jax.numpy.tanh(x)",
        onnx="Tanh",
    ),
    "hardsigmoid": Facts(
        derivative="alpha if 0 < alpha * x + beta < 1 else 0",
        torch="F.hardsigmoid(x)",
        keras="keras.activations.hard_sigmoid(x)",
        jax="jax.nn.hard_sigmoid(x)",
        onnx="HardSigmoid(alpha=1/6)",
        source="ONNX",
        note="ONNX's default alpha is 0.2, as was that of Keras 2. At the gate and at the ceiling the derivative "
        "is 0; gate and ceiling are where alpha x + beta is 0 and 1.",
    ),
    "hardswish": Facts(
        derivative="0 if x <= -3 else 1 if x >= 3 else (2 * x + 3) / 6",
        torch="F.hardswish(x)",
        keras="keras.activations.hard_silu(x)",
        jax="jax.nn.hard_silu(x)",
        onnx="HardSwish",
        source="Howard et al., arXiv 1905.02244",
    ),
    "hardtanh": Facts(
        derivative="1 if min_val < x < max_val else 0",
        torch="F.hardtanh(x)",
        keras="keras.activations.hard_tanh(x)",
        jax="jax.nn.hard_tanh(x)",
        onnx="Clip(min=-1, max=1)",
        source="Collobert 2004",
        note="Below the gate the output is min_val, which need not be 0.",
    ),
}
