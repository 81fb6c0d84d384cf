"""python setup.py build_ext --inplace, where relu_fast is installed."""

from setuptools import Extension, setup

import relu_fast

setup(
    name="sparsity",
    ext_modules=[Extension("sparsity", ["sparsity.c"], include_dirs=[relu_fast.get_include()])],
)
