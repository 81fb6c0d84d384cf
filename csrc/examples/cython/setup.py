"""python setup.py build_ext --inplace, where relu_fast is installed."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import relu_fast

setup(
    name="firing",
    ext_modules=cythonize([Extension("firing", ["firing.pyx"], include_dirs=[relu_fast.get_include()])]),
)
