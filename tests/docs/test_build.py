"""The pages, built by Sphinx with warnings as errors: the extra relu_fast[docs]."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import relu_fast as rf

ROOT = Path(__file__).parents[2]
HEADER = ROOT / "csrc" / "relu_fast.h"

# Everything that has an __all__ and that users call.
PUBLIC = [
    *("relu_fast", "relu_fast.fused", "relu_fast.isa", "relu_fast.threads", "relu_fast.verdicts"),
    *("relu_fast.history", "relu_fast.bounds", "relu_fast.revive", "relu_fast.report", "relu_fast.nn"),
    *("relu_fast.nn.initializers", "relu_fast.nn.losses", "relu_fast.nn.schedules", "relu_fast.jax"),
]


class Page(HTMLParser):
    """Anchors and links of a page."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(attrs.get("id"))
        self.links.add(attrs.get("href") if tag in ("a", "link") else attrs.get("src"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    for module in ("sphinx", "furo", "myst_parser", "sphinx_copybutton", "latex2mathml", "matplotlib"):
        pytest.importorskip(module)
    out = tmp_path_factory.mktemp("html")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-d", out / ".doctrees", ROOT / "docs", out]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def pages(folder):
    return {path.relative_to(folder).as_posix(): Page(path.read_text()) for path in folder.rglob("*.html")}


def inventory(folder):
    """Names in the object inventory, with their kinds."""
    from sphinx.util.inventory import InventoryFile

    return InventoryFile.loads((folder / "objects.inv").read_bytes(), uri="").data


def test_every_link_inside_the_pages_leads_somewhere(built):
    found = pages(built)
    broken = []
    for name, page in found.items():
        for link in filter(None, page.links):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (built / name).parent / unquote(url.path) if url.path else built / name
            path = target.resolve().relative_to(built.resolve()).as_posix()
            known = found[path].anchors if path in found else {""}
            if not target.exists() or (path in found and url.fragment and url.fragment not in known):
                broken.append((name, link))
    assert broken == []


def test_the_pages_need_nothing_from_the_network(built):
    fetched = re.compile(r"<(?:script|img|link)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    assert [path.name for path in built.rglob("*.html") if fetched.search(path.read_text())] == []


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_described(built, module):
    described = {
        name for kind, objects in inventory(built).items() if kind.startswith("py:") for name in objects
    }
    shorter = {"relu_fast.nn.losses": "relu_fast.nn", "relu_fast.threads": "relu_fast"}.get(module)
    owner = pytest.importorskip(
        module, exc_type=ImportError
    )  # what needs an extra has a page where it is there
    names = [name for name in owner.__all__ if not isinstance(getattr(owner, name), ModuleType)]
    assert [name for name in names if not {f"{module}.{name}", f"{shorter}.{name}"} & described] == []


def test_every_function_of_the_header_is_described(built):
    if not HEADER.exists():
        pytest.skip("the C sources are not here")
    functions = re.findall(r"^RF_API .*?\b(rf_\w+)\(", HEADER.read_text(), re.MULTILINE)
    assert set(functions) <= set(inventory(built)["c:function"])
    assert len(functions) > 20


def test_every_activation_has_a_curve_and_a_formula(built):
    page = (built / "activations.html").read_text()
    assert re.findall(r'aria-label="(\w+) and its derivative"', page) == list(rf.ACTIVATIONS)
    assert page.count('<div class="math">') == 2 * len(rf.ACTIVATIONS)
