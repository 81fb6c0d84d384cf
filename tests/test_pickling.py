"""Ufuncs, functions and records through pickle, copy and a fresh interpreter."""

import copy
import pickle
import subprocess
import sys

import pytest
from tables import UFUNCS

import relu_fast as rf
from relu_fast import composed, functional

every_ufunc = pytest.mark.parametrize("name", UFUNCS)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@every_ufunc
def test_a_pickled_ufunc_is_the_same_object(name, protocol):
    assert pickle.loads(pickle.dumps(UFUNCS[name], protocol)) is UFUNCS[name]


@every_ufunc
def test_a_copied_ufunc_is_the_same_object(name):
    assert copy.copy(UFUNCS[name]) is UFUNCS[name]
    assert copy.deepcopy(UFUNCS[name]) is UFUNCS[name]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_ufuncs_and_functions_can_be_unpickled_by_a_fresh_interpreter(protocol):
    functions = [getattr(rf, name) for name in (*functional.__all__, *composed.__all__)]
    objects = [rf.relu, *UFUNCS.values(), *functions, rf.fused.forward, rf.UnitStats(3)]
    code = (
        "import pickle, sys; found = pickle.load(sys.stdin.buffer); assert 'relu_fast' in sys.modules\n"
        "print([getattr(f, '__name__', repr(f)) for f in found], found[0](-1.0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(objects, protocol), capture_output=True, timeout=60
    )
    names = [getattr(f, "__name__", repr(f)) for f in objects]
    assert done.stdout.decode().strip() == f"{names} {objects[0](-1.0)}", done.stderr.decode()
