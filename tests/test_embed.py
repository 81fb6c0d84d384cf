"""What the package carries for programs in other languages: where it lies, and that it is one and the same library."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import relu_fast as rf
from relu_fast import _core, embed

FUNCTIONS = re.compile(r"^RF_API .*?\b(rf_\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module")
def installed():
    """Return the folder of the package, if pip installed it: a build in place has no library."""
    try:
        return Path(rf.get_library_dir()).parent
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def shared(installed):
    library = ctypes.CDLL(
        str(installed / "lib" / f"librelu_fast.{'dylib' if sys.platform == 'darwin' else 'so'}")
    )
    library.rf_version.restype = ctypes.c_char_p
    return library


def header_of(package):
    return (package / "include" / "relu_fast.h").read_text()


def test_the_folders_hold_what_their_names_say(installed):
    assert Path(rf.get_include(), "relu_fast.h").is_file()
    assert Path(rf.get_include(), "relu_fast_python.h").is_file()
    assert Path(rf.get_library_dir(), "librelu_fast.a").is_file()
    assert Path(rf.get_library_dir(), "pkgconfig", "relu_fast.pc").is_file()
    assert Path(rf.get_cmake_dir(), "relu_fast-config.cmake").is_file()
    assert Path(rf.get_cmake_dir(), "relu_fast-config-version.cmake").is_file()


@pytest.mark.parametrize(
    ("function", "missing"),
    [
        (rf.get_include, "include does not hold relu_fast.h"),
        (rf.get_library_dir, "lib does not hold librelu_fast.a"),
        (rf.get_cmake_dir, "lib/cmake/relu_fast does not hold relu_fast-config.cmake"),
    ],
)
def test_a_copy_without_the_library_says_so(monkeypatch, tmp_path, function, missing):
    monkeypatch.setattr(embed, "_PACKAGE", tmp_path)
    with pytest.raises(FileNotFoundError, match=f"{re.escape(str(tmp_path))}/{missing}: .* pip install"):
        function()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cflags"], "-I{p}/include"),
        (["--libs"], "{p}/lib/librelu_fast.a -lpthread -lm"),
        (["--cflags", "--libs"], "-I{p}/include {p}/lib/librelu_fast.a -lpthread -lm"),
        (["--includedir"], "{p}/include"),
        (["--libdir"], "{p}/lib"),
        (["--cmakedir"], "{p}/lib/cmake/relu_fast"),
        (["--pkgconfigdir"], "{p}/lib/pkgconfig"),
        (["--version"], rf.__version__),
    ],
    ids=" ".join,
)
def test_the_config_command_prints(installed, capsys, options, expected):
    assert embed.main(options) == 0
    assert capsys.readouterr().out == expected.format(p=installed) + "\n"


def test_the_config_command_quotes_for_a_shell(monkeypatch, tmp_path, capsys):
    package = tmp_path / "a folder"
    (package / "include").mkdir(parents=True)
    (package / "include" / "relu_fast.h").touch()
    monkeypatch.setattr(embed, "_PACKAGE", package)
    assert embed.main(["--cflags"]) == 0
    assert capsys.readouterr().out == f"-I'{package}/include'\n"


def test_the_config_command_without_an_option_names_them(capsys):
    with pytest.raises(SystemExit) as stop:
        embed.main([])
    assert stop.value.code == 2
    assert re.fullmatch(
        r"relu-fast-config: expected one or more of --cflags --libs .*\n", capsys.readouterr().err
    )


def test_the_config_command_without_a_library_ends_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(embed, "_PACKAGE", tmp_path)
    assert embed.main(["--libdir"]) == 1
    assert re.fullmatch(r"relu-fast-config: .*librelu_fast\.a.*\n", capsys.readouterr().err)


def test_versions_agree(installed, shared):
    assert re.search(r'#define RF_VERSION "(.*)"', header_of(installed))[1] == rf.__version__
    assert shared.rf_version().decode() == rf.__version__
    assert f"\nVersion: {rf.__version__}\n" in (installed / "lib/pkgconfig/relu_fast.pc").read_text()
    version_file = Path(rf.get_cmake_dir(), "relu_fast-config-version.cmake").read_text()
    assert f'set(PACKAGE_VERSION "{rf.__version__}")' in version_file


def test_the_shared_library_has_every_function_of_the_header(installed, shared):
    names = FUNCTIONS.findall(header_of(installed))
    assert len(names) > 20
    assert [name for name in names if not hasattr(shared, name)] == []


def test_the_shared_library_has_nothing_else(installed):
    if not shutil.which("nm") or sys.platform == "darwin":
        pytest.skip("needs the nm of binutils")
    for library, expected in [
        (installed / "lib" / "librelu_fast.so", FUNCTIONS.findall(header_of(installed))),
        (_core.__file__, ["PyInit__core"]),
    ]:
        listing = subprocess.run(
            ["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True
        )
        assert sorted(line.split()[-1] for line in listing.stdout.splitlines()) == sorted(expected)


def test_pkg_config_follows_the_folder(installed, tmp_path):
    if not shutil.which("pkg-config"):
        pytest.skip("needs pkg-config")
    moved = tmp_path / "moved"
    (moved / "lib" / "pkgconfig").mkdir(parents=True)
    shutil.copy(installed / "lib/pkgconfig/relu_fast.pc", moved / "lib/pkgconfig")
    command = ["pkg-config", "--cflags", "--libs", "relu_fast"]
    environment = {**os.environ, "PKG_CONFIG_PATH": str(moved / "lib/pkgconfig")}
    words = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert Path(words[0].removeprefix("-I")).resolve() == moved / "include"
    assert Path(words[1]).resolve() == moved / "lib/librelu_fast.a"
    assert words[2:] == ["-lpthread", "-lm"]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ("", True),
        ("0.1", True),
        ("0.1.0", True),
        ("0.2", False),
        ("0.1.1", False),
        ("1.0", False),
    ],
)
def test_cmake_takes_versions_of_the_same_series(installed, tmp_path, wanted, fits):
    if not shutil.which("cmake"):
        pytest.skip("needs cmake")
    script = tmp_path / "ask.cmake"
    script.write_text(
        f'set(PACKAGE_FIND_VERSION "{wanted}")\n'
        f'include("{rf.get_cmake_dir()}/relu_fast-config-version.cmake")\n'
        'message(STATUS "fits=${PACKAGE_VERSION_COMPATIBLE}")\n'
    )
    said = subprocess.run(["cmake", "-P", script], capture_output=True, text=True, check=True).stdout
    assert f"fits={str(fits).upper()}" in said


def test_the_header_numbers_activations_like_the_table(installed):
    enumerators = re.findall(
        r"^    RF_(\w+)", header_of(installed).split("typedef int rf_activation;")[1].split("}")[0], re.M
    )
    assert [name.lower() for name in enumerators] == list(rf.ACTIVATIONS)


def test_cython_and_the_table_of_functions_list_every_function(installed):
    names = FUNCTIONS.findall(header_of(installed))
    pxd = (installed / "__init__.pxd").read_text()
    assert re.findall(r"^    \w[\w *]*?\b(rf_\w+)\(", pxd.split("nogil:")[1], re.MULTILINE) == names
    python_h = (installed / "include" / "relu_fast_python.h").read_text()
    table = [
        f"rf_{name}"
        for name in re.findall(r"X\((\w+)\)", python_h.split("#define RF_FUNCTIONS")[1].split("/*")[0])
    ]
    assert sorted(table) == sorted(names)
    assert re.findall(r"^#define (rf_\w+) \(rf_imported->", python_h, re.MULTILINE) == table
    assert re.findall(r"^#define rf_(\w+) \(rf_imported->\1\)$", python_h, re.MULTILINE) == [
        n[3:] for n in table
    ]


def test_cython_numbers_what_the_header_numbers(installed):
    def constants(text):
        return set(re.findall(r"^ +(RF_[A-Z0-9_]+)(?= = |,|$| /|\n)", text, re.MULTILINE))

    in_header = set(
        re.findall(r"\b(RF_[A-Z0-9_]+)\b", re.sub(r"/\*.*?\*/", "", header_of(installed), flags=re.S))
    )
    in_header -= {"RF_API", "RF_VERSION", "RF_ABI_VERSION"}
    assert constants((installed / "_header.pxd").read_text()) == in_header


def test_what_takes_long_to_import_waits_until_it_is_used():
    script = (
        "import sys, relu_fast as rf\n"
        "assert not {'relu_fast.nn', 'relu_fast.monitor', 'argparse'} & set(sys.modules), sorted(sys.modules)\n"
        "assert {'nn', 'DeadUnitMonitor'} < set(dir(rf)) and set(rf.__all__) <= set(dir(rf))\n"
        "from relu_fast import *\n"
        "assert nn is rf.nn is sys.modules['relu_fast.nn'] and DeadUnitMonitor is rf.DeadUnitMonitor\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_package_names_an_attribute_that_it_lacks():
    with pytest.raises(AttributeError, match="module 'relu_fast' has no attribute 'relu7'"):
        rf.relu7  # noqa: B018
