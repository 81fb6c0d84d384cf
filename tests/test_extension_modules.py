"""Extension modules that use the package's own copy of the library, through the capsule `_core._C_API`."""

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import relu_fast as rf

PROBE = r"""
#include <Python.h>
#include <relu_fast.h>
#ifdef PRETEND
#undef RF_ABI_VERSION
#define RF_ABI_VERSION PRETEND
#endif
#include <relu_fast_python.h>

static PyObject *probe(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    const float x[3] = {-1, 2, 3};
    float y[3] = {0, 0, 0};
    rf_status status = rf_forward(RF_RELU, RF_FLOAT32, 3, x, NULL, y);
    return Py_BuildValue("(s(fff)ssi)", rf_strerror(status), y[0], y[1], y[2], rf_version(), rf_isa_active(),
                         rf_get_num_threads());
}

static PyMethodDef methods[] = {{"probe", probe, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "probe", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_probe(void)
{
    if (rf_import() < 0) return NULL;
    return PyModule_Create(&module);
}
"""
COMPILERS = {"c": ["cc", "-std=c11"], "cpp": ["c++", "-std=c++11"]}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


@pytest.fixture
def build(tmp_path):
    """Return a function that compiles the probe, with definitions, and imports it."""
    try:
        include = rf.get_include()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    python = sysconfig.get_path("include")
    if not Path(python, "Python.h").exists():
        pytest.skip("needs the headers of Python")

    def build_and_import(suffix="c", define=()):
        compiler = COMPILERS[suffix]
        if not shutil.which(compiler[0]):
            pytest.skip(f"needs {compiler[0]}")
        source, module = tmp_path / f"probe.{suffix}", tmp_path / "probe.so"
        source.write_text(PROBE)
        # what Python's own headers are warned of is not looked for here
        includes = ["-isystem", python, f"-I{include}"]
        undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        command = [
            *compiler,
            *WARNINGS,
            "-fPIC",
            "-shared",
            *undefined,
            *includes,
            *define,
            source,
            "-o",
            module,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        loader = importlib.machinery.ExtensionFileLoader("probe", str(module))
        return importlib.util.module_from_spec(importlib.util.spec_from_loader("probe", loader))

    return build_and_import


@pytest.mark.parametrize("suffix", COMPILERS)
def test_an_extension_calls_the_copy_that_python_works_with(build, suffix):
    module = build(suffix)
    before = rf.isa.active()
    try:
        rf.isa.use("baseline")
        assert module.probe() == ("ok", (0.0, 2.0, 3.0), rf.__version__, "baseline", rf.get_num_threads())
    finally:
        rf.isa.use(before)


@pytest.mark.parametrize("abi", [2000, 1999, 999])
def test_an_extension_of_another_abi_is_refused_with_both_versions(build, abi):
    message = (
        f"this module was built for relu_fast {re.escape(rf.__version__)} (ABI {abi}), "
        f"which relu_fast {re.escape(rf.__version__)} (ABI 1001) does not fit"
    )
    with pytest.raises(ImportError, match=message.replace("(", r"\(").replace(")", r"\)")):
        build(define=[f"-DPRETEND={abi}"])


def test_a_package_without_the_capsule_is_refused(build, monkeypatch):
    monkeypatch.delattr("relu_fast._core._C_API")
    with pytest.raises(ImportError, match=r"built for relu_fast .* has no relu_fast\._core\._C_API$"):
        build()
