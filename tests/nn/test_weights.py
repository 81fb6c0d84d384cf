"""Networks in files: what is saved comes back, and what is no such file is refused in one line."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.nn import architecture, initializers

X = np.random.default_rng(0).normal(size=(40, 3))


def network(dtype: type = np.float32, seed: int = 0) -> nn.Sequential:
    """A network with every kind of layer, trained a little, so that averages have moved."""
    model = nn.Sequential(
        [
            nn.Dense(6, name="linear", kernel_initializer=initializers.random_normal(stddev=0.3)),
            nn.BatchNorm(momentum=0.5, epsilon=1e-4),
            nn.Activation("relu", save="mask"),
            nn.Dropout(0.1),
            nn.Dense(5, kernel_initializer="rai"),
            nn.PReLU(initial=0.1),
            nn.Dense(4, "leaky_relu", negative_slope=np.array([0.1, 0.2, 0.3, 0.4])),
            nn.AlphaDropout(0.2),
            nn.Dense(3),
            nn.PReLU(shared=True),
            nn.Dense(2, "hardtanh", min_val=-1, max_val=np.inf),
        ]
    ).build(3, dtype=dtype, seed=seed)
    model.fit(X, X[:, :2], epochs=2, loss="mean_squared_error", seed=seed)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[nn.Sequential, str]:
    path = str(tmp_path_factory.mktemp("weights") / "model.npz")
    model = network()
    model.save(path)
    return model, path


def same(a: nn.Sequential, b: nn.Sequential) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("parameters", "averages"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_saved_comes_back_with_weights_averages_and_architecture(tmp_path, dtype):
    model = network(dtype)
    model.save(tmp_path / "model.npz")
    loaded = nn.load_model(tmp_path / "model.npz")
    assert repr(loaded) == repr(model)
    assert same(loaded, model)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert (model.averages != network(dtype, seed=1).averages).any()
    assert os.listdir(tmp_path) == ["model.npz"]


def test_every_layer_of_the_package_can_be_saved():
    kinds = {value for value in vars(nn).values() if isinstance(value, type) and issubclass(value, nn.Layer)}
    assert kinds == {nn.Layer, *architecture.KINDS.values()}
    assert kinds - {nn.Layer} == {type(layer) for layer in network().layers}


@pytest.mark.parametrize("built", [False, True])
def test_weights_are_loaded_into_a_model_of_the_same_layers(saved, built):
    model, path = saved
    other = nn.Sequential([architecture.made(architecture.described(layer)) for layer in model.layers])
    if built:
        other.build(3, seed=5)
        before = other.parameters
    other.load(path)
    assert same(other, model)
    if built:
        assert other.parameters is before  # the optimizer of a running training stays right


def test_names_and_what_training_alone_uses_may_differ(tmp_path):
    path = tmp_path / "model.npz"
    model = nn.Sequential(
        [nn.Dense(4), nn.BatchNorm(), nn.Activation("relu"), nn.Dropout(0.5), nn.Dense(1, "elu")]
    )
    model.build(3).save(path)
    other = nn.Sequential(
        [
            nn.Dense(4, name="a", kernel_initializer="zeros"),
            nn.BatchNorm(momentum=0.1, name="b"),
            nn.Activation("relu", save="mask", name="c"),
            nn.Dropout(0.1),
            nn.Dense(1, "elu", alpha=1.0, save="pre_activation"),
        ]
    )
    other.load(path)
    assert same(other, model)


def test_the_file_is_a_plain_npz(saved):
    model, path = saved
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["architecture"]))
        arrays = {name: file[name] for name in file.files if name != "architecture"}
    assert (about["format"], about["version"], about["features"]) == ("relu_fast.weights", 1, 3)
    assert [layer["kind"] for layer in about["layers"]] == [type(layer).__name__ for layer in model.layers]
    assert list(arrays) == list(model.arrays())
    for name, view in model.arrays().items():
        np.testing.assert_array_equal(arrays[name], view)
    assert "batchnorm_1/moving_variance" in arrays


def test_equal_weights_are_equal_files(saved, tmp_path):
    _, path = saved
    network().save(tmp_path / "again.npz")
    with open(path, "rb") as file:
        assert (tmp_path / "again.npz").read_bytes() == file.read()


def test_the_arrays_of_a_model_are_views_of_all_it_learned():
    model = network()
    arrays = model.arrays()
    assert list(arrays)[:6] == [
        *("linear/kernel", "linear/bias", "batchnorm_1/gamma", "batchnorm_1/beta"),
        *("batchnorm_1/moving_mean", "batchnorm_1/moving_variance"),
    ]
    assert sum(array.size for array in arrays.values()) == model.parameters.size + model.averages.size
    for array in arrays.values():
        array[...] = 7.0
    assert (model.parameters == 7.0).all()
    assert (model.averages == 7.0).all()


def test_weights_that_are_not_finite_come_back(tmp_path):
    model = nn.Sequential([nn.Dense(2)]).build(2)
    model.parameters[:3] = np.nan, np.inf, -np.inf
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(nn.load_model(tmp_path / "model.npz").parameters, model.parameters)


def test_an_initializer_of_ones_own_is_left_out(tmp_path):
    layer = nn.Dense(
        2, kernel_initializer=lambda shape, generator: np.ones(shape), bias_initializer="he_normal"
    )
    model = nn.Sequential([layer]).build(2)
    model.save(tmp_path / "model.npz")
    loaded = nn.load_model(tmp_path / "model.npz")
    assert same(loaded, model)
    assert loaded.layers[0].kernel_initializer == initializers.glorot_uniform()
    assert loaded.layers[0].bias_initializer == initializers.he_normal()


class Twice(nn.Layer):
    """A layer of one's own."""

    def parameter_shapes(self, features):
        return ((2,), (1, features))

    def average_shapes(self, features):
        return ((features,),)


def test_a_layer_of_ones_own_is_saved_and_loaded_but_not_made(tmp_path):
    path = tmp_path / "model.npz"
    model = nn.Sequential([Twice()]).build(3)
    model.parameters[...], model.averages[...] = range(5), range(3)
    assert list(model.arrays()) == ["twice_1/parameter_0", "twice_1/parameter_1", "twice_1/average_0"]
    model.save(path)
    other = nn.Sequential([Twice(name="other")])
    other.load(path)
    assert same(other, model)
    with pytest.raises(nn.WeightsError, match="is no model: layer 1: unknown kind of layer 'Twice', exp"):
        nn.load_model(path)


# What the model of the file has, and what the other has instead; what the message says of it.
LAYERS = {
    "first": lambda: nn.Dense(4, "relu"),
    "normal": lambda: nn.BatchNorm(),
    "act": lambda: nn.Activation("leaky_relu"),
    "slope": lambda: nn.PReLU(),
    "last": lambda: nn.Dense(1),
}
OTHERS = [
    ({"last": lambda: nn.Dense(2)}, r"layer 5 \('dense_2'\), units: 1 in the file, 2 in the model"),
    (
        {"first": lambda: nn.Dense(4, "elu")},
        r"layer 1 \('dense_1'\), activation: 'relu' in the file, 'elu' in",
    ),
    ({"first": lambda: nn.Dense(4)}, r"activation: 'relu' in the file, None in the model"),
    ({"normal": lambda: nn.Dropout(0.1)}, "kind: 'BatchNorm' in the file, 'Dropout' in the model"),
    ({"normal": lambda: nn.BatchNorm(epsilon=0.5)}, "epsilon: 0.001 in the file, 0.5 in the model"),
    (
        {"act": lambda: nn.Activation("leaky_relu", negative_slope=0.3)},
        "negative_slope: 0.01 in the file, 0.3 in the model",
    ),
    ({"slope": lambda: nn.PReLU(shared=True)}, "shared: False in the file, True in the model"),
    ({"last": None}, "layers: 5 in the file, 4 in the model"),
]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize(("changed", "message"), OTHERS)
def test_another_network_is_refused_by_what_differs_and_nothing_changes(tmp_path, changed, message, built):
    path = tmp_path / "model.npz"
    nn.Sequential([make() for make in LAYERS.values()]).build(3).save(path)
    other = nn.Sequential([make() for make in (LAYERS | changed).values() if make])
    if built:
        other.build(3, seed=1)
        before = {name: array.copy() for name, array in other.arrays().items()}
    with pytest.raises(nn.WeightsError, match=f"^'.*model.npz' is of another network: .*{message}") as caught:
        other.load(path)
    assert "\n" not in str(caught.value)
    assert other.built is built
    if built:
        np.testing.assert_equal(other.arrays(), before)


@pytest.mark.parametrize(
    ("features", "dtype", "message"),
    [
        (4, np.float32, "features: 3 in the file, 4 in the model"),
        (3, np.float64, "dtype: 'float32' in the file, 'float64' in the model"),
    ],
)
def test_a_model_of_other_features_or_dtype_is_refused(tmp_path, features, dtype, message):
    path = tmp_path / "model.npz"
    nn.Sequential([nn.Dense(2)]).build(3).save(path)
    with pytest.raises(nn.WeightsError, match=message):
        nn.Sequential([nn.Dense(2)]).build(features, dtype=dtype).load(path)


def rewritten(path: str, **changes: object) -> bytes:
    """The file with other entries: an array, bytes as they are, or None to leave it out."""
    with np.load(path) as file:
        entries: dict[str, object] = dict(file) | {name.replace("__", "/"): v for name, v in changes.items()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in entries.items():
            if value is not None:
                array = io.BytesIO()
                np.lib.format.write_array(array, np.asarray(value), allow_pickle=True)
                archive.writestr(f"{name}.npy", value if isinstance(value, bytes) else array.getvalue())
    return content.getvalue()


def described(path: str, **changes: object) -> np.ndarray:
    with np.load(path) as file:
        return np.array(json.dumps(json.loads(str(file["architecture"])) | changes))


def npz(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("this-must-not-be-there",)


FOREIGN = [
    (lambda path: b"", "no .npz file, expected a file of nn.save_weights"),
    (lambda path: b"\n\n weights?", "no .npz file"),
    (lambda path: npy(X), "no .npz file"),
    (lambda path: pickle.dumps(Bomb()), "no .npz file"),
    (lambda path: npz(), "an .npz file without an architecture, expected a file of nn.save_weights"),
    (lambda path: npz(x=X), "an .npz file without an architecture"),
    (lambda path: npz(architecture=X), "an .npz file of another kind"),
    (lambda path: npz(architecture=np.array("{}")), "an .npz file of another kind"),
    (lambda path: npz(architecture=np.array("[" * 100_000)), "an .npz file of another kind"),
    (lambda path: rewritten(path, architecture=described(path, format="other")), "of another kind"),
    (
        lambda path: rewritten(path, architecture=described(path, version=2)),
        "of version 2 of its format, exp",
    ),
    (lambda path: rewritten(path, architecture=described(path, features=0)), "damaged: it has 0 features"),
    (lambda path: rewritten(path, architecture=described(path, dtype="int8")), "features of 'int8'"),
    (lambda path: rewritten(path, architecture=described(path, layers=3)), "does not say of which layers"),
    (lambda path: rewritten(path, architecture=described(path, layers=[1])), "does not say of which layers"),
    (lambda path: rewritten(path, linear__bias=None), "damaged: it lacks 'linear/bias'"),
    (
        lambda path: rewritten(path, linear__bias=X),
        r"'linear/bias' is float64 \(40, 3\), expected float32 \(6,\)",
    ),
    (lambda path: rewritten(path, linear__bias=np.zeros(6)), "'linear/bias' is float64"),
    (
        lambda path: rewritten(path, linear__bias=np.array([Bomb()])),
        "truncated or damaged: Object arrays cannot be loaded when allow_pickle=False",
    ),
    (lambda path: rewritten(path, linear__bias=b"\x93NUMPY"), "truncated or damaged"),
    (lambda path: rewritten(path, linear__bias=npy(np.zeros(6, np.float32)) + b"!"), "goes on after its end"),
]


@pytest.mark.parametrize(("content", "message"), FOREIGN)
def test_a_file_of_something_else_is_refused_in_one_line_and_runs_no_code(saved, tmp_path, content, message):
    path, model = tmp_path / "foreign.npz", network()
    path.write_bytes(content(saved[1]))
    before = model.parameters.copy()
    for load in (nn.load_model, model.load):
        with pytest.raises(nn.WeightsError, match=f"^'.*foreign.npz' is .*{message}") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(model.parameters, before)
    assert not os.path.exists("this-must-not-be-there")


DENSE = {"kind": "Dense", "name": "dense_1", "units": 2}
UNMADE = [
    ([], "no model: layers is empty"),
    ([{**DENSE, "kind": "Sequential"}], "no model: layer 1: unknown kind of layer 'Sequential'"),
    ([{**DENSE, "kind": ["Dense"]}], r"no model: layer 1: unknown kind of layer \['Dense'\]"),
    ([{**DENSE, "units": -2}], "no model: layer 1: units is -2"),
    ([{**DENSE, "width": 2}], "no model: layer 1: .*width"),
    ([{"kind": "Dense", "name": "dense_1"}], "no model: layer 1: .*units"),
    ([{**DENSE, "kernel_initializer": {"initializer": "get"}}], "unknown initializer 'get', expected one of"),
    ([{**DENSE, "kernel_initializer": {"initializer": "Zeros", "x": 1}}], "no model: layer 1: .*'x'"),
    ([DENSE, {**DENSE, "name": "dense_2", "activation": "no"}], "no model: layer 2: unknown activation"),
    (
        [{"kind": "Activation", "name": "a", "activation": "elu", "alpha": [1, 2]}],
        r"no model: a has shape \(2,\) in the parameter 'alpha' of elu",
    ),
]


@pytest.mark.parametrize(("layers", "message"), UNMADE)
def test_layers_that_cannot_be_made_are_named(saved, tmp_path, layers, message):
    path = tmp_path / "model.npz"
    path.write_bytes(rewritten(saved[1], architecture=described(saved[1], layers=layers)))
    with pytest.raises(nn.WeightsError, match=f"^'.*model.npz' is .*{message}") as caught:
        nn.load_model(path)
    assert "\n" not in str(caught.value)


def small_file(folder) -> bytes:
    nn.Sequential([nn.Dense(1)]).build(1).save(folder / "small.npz")
    return (folder / "small.npz").read_bytes()


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    content, path = small_file(tmp_path), tmp_path / "cut.npz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(nn.WeightsError, match=r"no .npz file|truncated or damaged"):
            nn.load_model(path)


def test_a_byte_changed_anywhere_is_noticed_or_changes_nothing(tmp_path):
    content, path = small_file(tmp_path), tmp_path / "changed.npz"
    model = nn.load_model(tmp_path / "small.npz")
    messages = []
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1 :])
        try:
            loaded = nn.load_model(path)
        except nn.WeightsError as error:
            messages.append(str(error))
        else:
            np.testing.assert_array_equal(loaded.parameters, model.parameters)
    assert len(messages) > 0.8 * len(content)
    assert not any("\n" in message for message in messages)


def test_a_file_of_the_other_byte_order_is_read(saved, tmp_path):
    model, path = saved
    other = {name.replace("/", "__"): array.astype(">f4") for name, array in model.arrays().items()}
    (tmp_path / "other.npz").write_bytes(rewritten(path, **other))
    assert same(nn.load_model(tmp_path / "other.npz"), model)


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    for load in (nn.load_model, network().load):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "missing.npz")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "model.npz"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        network().save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.npz"]


def test_a_model_that_is_not_built_has_no_weights_to_save(tmp_path):
    with pytest.raises(RuntimeError, match="the model has no parameters yet"):
        nn.Sequential([nn.Dense(2)]).save(tmp_path / "model.npz")
    assert os.listdir(tmp_path) == []


def test_a_name_that_a_file_could_not_hold_is_refused(tmp_path):
    model = nn.Sequential([nn.Dense(2, name="a\0b")]).build(2)
    with pytest.raises(ValueError, match=r"a layer is named 'a\\x00b', expected a name that can be printed"):
        model.save(tmp_path / "model.npz")
    assert os.listdir(tmp_path) == []
    model = nn.Sequential([nn.Dense(2, name="../ä b/c")]).build(2)
    model.save(tmp_path / "model.npz")
    assert same(nn.load_model(tmp_path / "model.npz"), model)
