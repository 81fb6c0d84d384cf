"""What somebody sees, in one line, on a system that relu_fast cannot be built or imported on."""

import os
import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

import relu_fast as rf

SETUP = Path(__file__).parents[1] / "setup.py"


@pytest.fixture
def run_setup(monkeypatch):
    """Run setup.py without building anything: what it needs for that may be missing here."""
    for name in ("Cython", "Cython.Build", "setuptools"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    for command in ("build_ext", "sdist"):
        monkeypatch.setitem(
            sys.modules, f"setuptools.command.{command}", SimpleNamespace(**{command: type(command, (), {})})
        )
    return lambda: runpy.run_path(str(SETUP))


def message(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_setup_runs_here(run_setup):
    assert "check_compiler" in run_setup()


def test_windows_is_refused(run_setup, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as error:
        run_setup()
    assert "Windows is not supported" in message(error)


def test_another_python_is_refused(run_setup, monkeypatch):
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    with pytest.raises(SystemExit) as error:
        run_setup()
    assert "for CPython, not for pypy" in message(error)


def test_a_free_threaded_build_is_refused(run_setup, monkeypatch):
    known = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else known(name)
    )
    with pytest.raises(SystemExit) as error:
        run_setup()
    assert "does not build for free-threaded CPython: two threads" in message(error)


def test_a_missing_compiler_is_named(run_setup):
    with pytest.raises(SystemExit) as error:
        run_setup()["check_compiler"]("no-such-cc")
    assert "there is no 'no-such-cc'; install gcc or clang" in message(error)


def test_missing_headers_of_python_are_named(run_setup, monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(SystemExit) as error:
        run_setup()["check_compiler"](sys.executable)
    assert f"{tmp_path} has no Python.h; install python3-dev" in message(error)


def test_an_old_numpy_is_named(tmp_path):
    (tmp_path / "numpy.py").write_text('__version__ = "1.26.4"\n')
    path = os.pathsep.join([str(tmp_path), str(Path(rf.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", "import relu_fast"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last == "ImportError: relu_fast needs NumPy 2.0 or newer; this Python has NumPy 1.26.4"
