"""Builds the C library, once: the package carries it for other programs, and relu_fast._core links it."""

import gzip
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

if sys.platform == "win32":
    raise SystemExit("relu_fast builds on Linux and macOS with gcc or clang; Windows is not supported")
if sys.implementation.name != "cpython":
    raise SystemExit(
        f"relu_fast builds for CPython, not for {sys.implementation.name}: its modules use CPython's ABI"
    )
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    # Free-threaded CPython has no stable ABI before 3.15, and UnitStats.busy (_units.pyx) is no lock without the GIL.
    raise SystemExit(
        "relu_fast does not build for free-threaded CPython: two threads that fill one UnitStats are kept apart by "
        f"the GIL; use a CPython {sys.version_info.major}.{sys.version_info.minor} with it"
    )

# One wheel serves every CPython from this one on. What the stable ABI lacks, typed memoryviews, is not used, and a
# call takes as many instructions through it as without (valgrind --tool=callgrind, relu to fused.backward).
STABLE_ABI = (3, 10)
HERE = Path(__file__).parent
FLAGS = dict(line.split(" ", 1) for line in (HERE / "csrc/isa_flags.txt").read_text().splitlines())
COMMON = FLAGS.pop("all").split()
SOURCES = sorted(f"csrc/{p.name}" for p in (HERE / "csrc").glob("*.c") if p.name != "kernels.c")
ISAS = FLAGS if platform.machine() in ("x86_64", "AMD64") else {}
MACOS = sys.platform == "darwin"

MODULES = ["_core", "_layout", "_units"]
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
        check_compiler(self.compiler.compiler_so[0])
        # Python's own folders: nothing needs them to run, and they would be part of every module
        self.compiler.linker_so = [
            w for w in self.compiler.linker_so if not w.startswith(("-L", "-Wl,-rpath"))
        ]
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
            ext.extra_compile_args += self.no_symbols()
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
        # Python's linker, but for a library instead of a module
        linker = ["-dynamiclib" if word == "-bundle" else word for word in self.compiler.linker_so]
        named = [f"-Wl,-install_name,@rpath/{name}"] if MACOS else [f"-Wl,-soname,{name}", "-Wl,-s"]
        self.spawn([*linker, *named, "-o", str(package / SHARED), *objects, "-lpthread", "-lm"])

    def compile_c(self, folder, sources, flags):
        return self.compiler.compile(
            sources,
            output_dir=f"{self.build_temp}/{folder}",
            # Python's own flags let integers and pointers wrap; then gcc made no vectors of a copy past the cache
            extra_postargs=[*COMMON, "-fno-wrapv", "-fstrict-overflow", *self.no_symbols(), *flags],
            depends=sources,
        )

    def no_symbols(self):
        # Python's own flags ask for what debuggers read: nine tenths of the library, and the folder of the build
        return [] if self.debug else ["-g0"]

    # What an editable installation has to have beside the sources, and what an uninstallation has to remove.

    def copy_extensions_to_source(self):
        for name in MODULES:  # of an older build, for one CPython only: it would be found before the new one
            Path(self.package_folder(), name + sysconfig.get_config_var("EXT_SUFFIX")).unlink(missing_ok=True)
        super().copy_extensions_to_source()
        for built, source in self.library_mapping().items():
            Path(source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(built, source)

    def get_outputs(self):
        return [*super().get_outputs(), *self.library_mapping()]

    def get_output_mapping(self):
        return {**super().get_output_mapping(), **(self.library_mapping() if self.inplace else {})}

    def library_mapping(self):
        source = self.package_folder()
        return {str(Path(self.build_lib, "relu_fast", f)): str(Path(source, f)) for f in LIBRARY}

    def package_folder(self):
        return self.get_finalized_command("build_py").get_package_dir("relu_fast")


def check_compiler(compiler):
    """What pip shows of a failed build is long; its last line should say what to do."""
    if not shutil.which(compiler):
        raise SystemExit(
            f"relu_fast found no wheel for this system and no C compiler to build one: there is no {compiler!r}; "
            "install gcc or clang, or name yours in CC"
        )
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        raise SystemExit(
            f"relu_fast needs the headers of Python to build: {headers} has no Python.h; "
            "install python3-dev or python3-devel"
        )


class ReproducibleSdist(sdist):
    """With SOURCE_DATE_EPOCH, the same bytes from the same files: no times, owners or modes of this machine."""

    def make_archive(self, base_name, kind, base_dir, **options):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or kind != "gztar":
            return super().make_archive(base_name, kind, base_dir=base_dir, **options)

        def anonymous(member):
            member.mtime = int(epoch)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        file = Path(f"{base_name}.tar.gz")
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            file.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=int(epoch)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            tar.add(base_dir, filter=anonymous)  # in the order of the names
        return str(file)


def extension(name):
    return Extension(
        f"relu_fast.{name}",
        [f"relu_fast/{name}.pyx"],
        # csrc first: beside relu_fast_python.h an editable installation has a copy of relu_fast.h
        include_dirs=["csrc", "relu_fast/include", numpy.get_include()],
        depends=[str(p) for p in Path("csrc").glob("*.[ch]")],
        py_limited_api=True,
        define_macros=[
            ("Py_LIMITED_API", f"0x{STABLE_ABI[0]:02X}{STABLE_ABI[1]:02X}0000"),
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
        ],
        extra_compile_args=["-O2", "-fvisibility=hidden"],
        extra_link_args=["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else [],
    )


setup(
    ext_modules=cythonize(
        [extension(name) for name in MODULES],
        compiler_directives={"language_level": 3},
    ),
    cmdclass={"build_ext": BuildWithLibrary, "sdist": ReproducibleSdist},
    options={"bdist_wheel": {"py_limited_api": f"cp{STABLE_ABI[0]}{STABLE_ABI[1]}"}},
)
