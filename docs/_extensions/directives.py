"""What the pages are made of beyond their text: references that are written when they are built."""

from importlib import import_module
from pathlib import Path

import activation_reference
import c_header
from sphinx.util.docutils import SphinxDirective


class Written(SphinxDirective):
    """Text that is written when the pages are built, again when what it is written from has changed."""

    def run(self):
        """Return the nodes of the text."""
        for file in (*Path(__file__).parent.glob("*.py"), *self.sources()):
            self.env.note_dependency(str(file))
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)

    def sources(self):
        """Return the files that the text depends on."""
        return [Path(self.env.srcdir, "accuracy.md")]


class ActivationTable(Written):
    """``.. activation-table::``, one line for each activation."""

    def text(self):
        """Return the text."""
        return activation_reference.table(self.sources()[0].read_text(encoding="utf-8"))


class ActivationReference(Written):
    """``.. activation-reference::``, a section for each."""

    def text(self):
        """Return the text."""
        return activation_reference.sections(self.sources()[0].read_text(encoding="utf-8"))


class CHeader(Written):
    """``.. c-header:: PATH``, everything that a header declares."""

    required_arguments = 1

    def sources(self):
        """Return the header."""
        return [Path(self.env.srcdir, self.arguments[0])]

    def text(self):
        """Return the text."""
        return c_header.reference(self.sources()[0].read_text(encoding="utf-8"))


class ModuleText(Written):
    """``.. module-text:: MODULE``, the docstring of a module from the words on that are the content."""

    required_arguments = 1
    has_content = True

    def sources(self):
        """Return the module's file."""
        return [import_module(self.arguments[0]).__file__]

    def text(self):
        """Return the text."""
        words, docstring = " ".join(self.content), import_module(self.arguments[0]).__doc__
        if words not in docstring:
            raise self.error(f"{self.arguments[0]} does not say {words!r}")
        return docstring[docstring.index(words) :]


def setup(app):
    """Add the directives."""
    app.add_directive("activation-table", ActivationTable)
    app.add_directive("activation-reference", ActivationReference)
    app.add_directive("c-header", CHeader)
    app.add_directive("module-text", ModuleText)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
