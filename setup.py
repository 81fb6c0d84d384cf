"""Builds the C library, once: the package carries it for other programs, and relu_fast._core links it."""

import platform
import shutil
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
MACOS = sys.platform == "darwin"

STATIC = "lib/librelu_fast.a"
SHARED = "lib/librelu_fast.dylib" if MACOS else "lib/librelu_fast.so"
TEMPLATES = {
    "relu_fast.pc": "lib/pkgconfig",
    "relu_fast-config.cmake": "lib/cmake/relu_fast",
    "relu_fast-config-version.cmake": "lib/cmake/relu_fast",
}
LIBRARY = ["include/relu_fast.h", STATIC, SHARED, *(f"{folder}/{name}" for name, folder in TEMPLATES.items())]


class BuildWithLibrary(build_ext):
    """Build the library into the package before the extensions, and link it into _core."""

    def build_extensions(self):
        package = Path(self.build_lib, "relu_fast")
        for file in LIBRARY:
            (package / file).parent.mkdir(parents=True, exist_ok=True)
        self.build_library(package)
        for template, folder in TEMPLATES.items():
            text = Path("csrc/packaging", f"{template}.in").read_text()
            (package / folder / template).write_text(
                text.replace("@VERSION@", self.distribution.get_version())
            )
        shutil.copyfile("csrc/relu_fast.h", package / "include/relu_fast.h")
        for ext in self.extensions:
            if ext.name == "relu_fast._core":
                ext.extra_objects = [str(package / STATIC)]
                ext.depends.append(str(package / STATIC))
        super().build_extensions()

    def build_library(self, package):
        objects = self.compile_c("core", SOURCES, [])
        for isa, flags in {"baseline": "", **ISAS}.items():
            (kernels,) = self.compile_c(isa, ["csrc/kernels.c"], [f"-DRF_ISA={isa}", *flags.split()])
            objects.append(shutil.move(kernels, Path(kernels).with_name(f"kernels-{isa}.o")))
        objects = [str(o) for o in objects]
        archive = package / STATIC
        archive.unlink(missing_ok=True)
        # D: no times and owners, so that two builds give the same bytes
        self.spawn([self.compiler.archiver[0], "rcs" if MACOS else "rcsD", str(archive), *objects])
        name = Path(SHARED).name
        # Python's linker, but for a library instead of a module, which needs nothing of Python's own folders
        linker = ["-dynamiclib" if word == "-bundle" else word for word in self.compiler.linker_so]
        linker = [word for word in linker if not word.startswith(("-L", "-Wl,-rpath"))]
        named = [f"-Wl,-install_name,@rpath/{name}"] if MACOS else [f"-Wl,-soname,{name}", "-Wl,-s"]
        self.spawn([*linker, *named, "-o", str(package / SHARED), *objects, "-lpthread", "-lm"])

    def compile_c(self, folder, sources, flags):
        return self.compiler.compile(
            sources,
            output_dir=f"{self.build_temp}/{folder}",
            # Python's own flags ask for symbols for debuggers: nine tenths of the library
            extra_postargs=[*COMMON, *([] if self.debug else ["-g0"]), *flags],
            depends=sources,
        )

    # What an editable installation has to have beside the sources, and what an uninstallation has to remove.

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        for built, source in self.library_mapping().items():
            Path(source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(built, source)

    def get_outputs(self):
        return [*super().get_outputs(), *self.library_mapping()]

    def get_output_mapping(self):
        return {**super().get_output_mapping(), **(self.library_mapping() if self.inplace else {})}

    def library_mapping(self):
        source = self.get_finalized_command("build_py").get_package_dir("relu_fast")
        return {str(Path(self.build_lib, "relu_fast", f)): str(Path(source, f)) for f in LIBRARY}


def extension(name):
    return Extension(
        f"relu_fast.{name}",
        [f"relu_fast/{name}.pyx"],
        # csrc first: beside relu_fast_python.h an editable installation has a copy of relu_fast.h
        include_dirs=["csrc", "relu_fast/include", numpy.get_include()],
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
    cmdclass={"build_ext": BuildWithLibrary},
)
