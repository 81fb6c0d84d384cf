"""Fixtures and settings for every test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

import relu_fast as rf

# The same examples in every run, and none kept on disk.
settings.register_profile("suite", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("suite")


@pytest.fixture(params=rf.isa.available())
def isa(request):
    """Run the test once under every instruction set of this machine."""
    before = rf.isa.active()
    rf.isa.use(request.param)
    yield request.param
    rf.isa.use(before)


@pytest.fixture(scope="session", autouse=True)
def _away_from_the_checkout(tmp_path_factory):
    """Run everything elsewhere: a subprocess would import the checkout's relu_fast, which has no extensions."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(before)
