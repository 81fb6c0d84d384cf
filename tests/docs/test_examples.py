"""Everything that the documentation shows runs: Python, commands, and the examples in docstrings."""

import argparse
import contextlib
import doctest
import io
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import relu_fast as rf
from relu_fast import cli, embed

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {"relu-fast": cli.main, "relu-fast-config": embed.main}

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the documentation is not here")


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    """Write files elsewhere, and leave instruction set and threads as they were."""
    isa, threads = rf.isa.active(), rf.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    rf.isa.use(isa)
    rf.set_num_threads(threads)


def page_id(path):
    return path.relative_to(ROOT).as_posix()


def fences(path, *languages):
    return [body for language, body in FENCE.findall(path.read_text()) if language in languages]


def with_fences(*languages):
    pages = [page for page in PAGES if fences(page, *languages)]
    return pytest.mark.parametrize("page", pages, ids=page_id)


def check(examples, globs, name):
    """Run the examples of an interactive session, in place, and compare what is printed."""
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    session = doctest.DocTest(examples, globs, name, None, None, None)
    session.globs = globs  # not the copy that a DocTest makes
    runner.run(session, out=said.write, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0, said.getvalue()


def printed_by(command):
    """Exit code and output of a command line of one of our programs."""
    program, *words = shlex.split(command)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = PROGRAMS[program](words)
    return code, said.getvalue()


@with_fences("python", "pycon", "console")
def test_examples_print_what_the_page_shows(page):
    names = {"__name__": "__main__"}
    for language, body in FENCE.findall(page.read_text()):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(body, page.name, "exec"), names)
        elif language == "pycon":
            check(doctest.DocTestParser().get_examples(body), names, page.name)
        elif language == "console":
            for command, shown in re.findall(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
                code, said = printed_by(command)
                assert code in (0, 1)
                assert said == shown


class UnderstoodError(Exception):
    """The options of a command are fine; it is not run."""


def commands_of(page):
    """Command lines of our own programs in the shell blocks, also inside $(...)."""
    for body in fences(page, "sh"):
        for line in body.splitlines():
            words = re.split(r"\s#\s", line)[0]
            for program in ("relu-fast-config", "relu-fast"):
                yield from re.findall(rf"(?:^|&& |\$\(){program}(?= |$)[^)&]*", words)


@pytest.mark.parametrize(
    "command",
    sorted({re.sub(r"^(&& |\$\()", "", command).strip() for page in PAGES for command in commands_of(page)}),
)
def test_commands_have_the_options_that_pages_use(monkeypatch, command):
    def stop(parser, args=None, namespace=None, parse=argparse.ArgumentParser.parse_args):
        parse(parser, args, namespace)
        raise UnderstoodError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    program, *words = shlex.split(command)
    with pytest.raises(UnderstoodError):
        PROGRAMS[program](words)


def test_make_has_the_targets_that_pages_use():
    makefile = ROOT / "csrc" / "Makefile"
    if not makefile.exists():
        pytest.skip("the C sources are not here")
    blocks = "".join(body for page in PAGES for body in fences(page, "sh"))
    used = set(re.findall(r"make -C csrc ([a-z]+)", blocks))
    assert {"install", "test"} <= used
    assert used <= set(re.findall(r"^([a-z]+):", makefile.read_text(), re.MULTILINE))


def test_the_project_has_the_extras_that_pages_install():
    text = (ROOT / "pyproject.toml").read_text()
    declared = re.findall(
        r"^(\w+) = ", text.split("[project.optional-dependencies]")[1].split("\n[")[0], re.MULTILINE
    )
    used = {extra for page in PAGES for extra in re.findall(r"(?:\.|relu_fast)\[(\w+)\]", page.read_text())}
    assert used <= set(declared)


def test_there_are_commands_to_check():
    assert {command.split()[0] for page in PAGES for command in commands_of(page)} >= {"relu-fast"}


def modules_with_examples():
    found = []
    for module in pkgutil.walk_packages(rf.__path__, "relu_fast."):
        file = Path(rf.__path__[0], *module.name.split(".")[1:])
        sources = [path for path in (file.with_suffix(".py"), file / "__init__.py") if path.exists()]
        if sources and ">>> " in sources[0].read_text():
            found.append(module.name)
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_print_what_they_show(name):
    module = pytest.importorskip(name, exc_type=ImportError)  # what needs an extra
    sessions = [session for session in doctest.DocTestFinder().find(module) if session.examples]
    assert sessions
    for session in sessions:
        check(session.examples, {**vars(module)}, session.name)


@with_fences("sh", "python", "pycon", "console", "c")
def test_code_blocks_are_closed_and_known(page):
    known = {"sh", "python", "pycon", "console", "c"}
    opened = re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)
    assert set(opened) <= known
    assert len(opened) == len(fences(page, *known))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_to_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", re.sub(FENCE, "", page.read_text()))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_examples_that_are_included_exist(page):
    included = re.findall(r"^```\{literalinclude\} (.*)$", page.read_text(), re.MULTILINE)
    assert [path for path in included if not (page.parent / path).exists()] == []


def test_every_example_program_is_on_the_page_for_embedders():
    folder = ROOT / "csrc" / "examples"
    if not folder.exists():
        pytest.skip("the C sources are not here")
    page = (ROOT / "docs" / "embedding.md").read_text()
    included = {
        Path(path).parts[3] for path in re.findall(r"^```\{literalinclude\} (.*)$", page, re.MULTILINE)
    }
    assert included == {path.name for path in folder.iterdir() if path.is_dir()}
