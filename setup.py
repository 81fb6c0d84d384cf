"""Builds the C library once per instruction set and links it into relu_fast._core."""

import platform
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

if sys.platform == "win32":
    raise SystemExit("relu_fast builds on Linux and macOS with gcc or clang; Windows is not supported")

HERE = Path(__file__).parent
FLAGS = dict(line.split(" ", 1) for line in (HERE / "csrc/isa_flags.txt").read_text().splitlines())
COMMON = FLAGS.pop("all").split()
SOURCES = sorted(f"csrc/{p.name}" for p in (HERE / "csrc").glob("*.c") if p.name != "kernels.c")
ISAS = FLAGS if platform.machine() in ("x86_64", "AMD64") else {}


class BuildWithCore(build_ext):
    """Compile csrc/, kernels.c into a folder per ISA, and add the objects to the extension that links them."""

    def build_extension(self, ext):
        if ext.name == "relu_fast._core":
            ext.extra_objects = self.compile_c("core", SOURCES, [])
            for isa, flags in {"baseline": "", **ISAS}.items():
                ext.extra_objects += self.compile_c(
                    isa, ["csrc/kernels.c"], [f"-DRF_ISA={isa}", *flags.split()]
                )
        super().build_extension(ext)

    def compile_c(self, folder, sources, flags):
        return self.compiler.compile(
            sources,
            output_dir=f"{self.build_temp}/{folder}",
            extra_postargs=[*COMMON, *flags],
            depends=sources,
        )


def extension(name):
    return Extension(
        f"relu_fast.{name}",
        [f"relu_fast/{name}.pyx"],
        include_dirs=["csrc", numpy.get_include()],
        depends=[str(p) for p in Path("csrc").glob("*.[ch]")],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
        ],
        extra_compile_args=["-O2", "-fvisibility=hidden"],
        extra_link_args=["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else [],
    )


setup(
    ext_modules=cythonize(
        [extension("_core"), extension("_layout"), extension("_units")],
        compiler_directives={"language_level": 3},
    ),
    cmdclass={"build_ext": BuildWithCore},
)
