"""A C header, its declarations and its comments, as reStructuredText.

It reads the way relu_fast.h is written. A comment belongs to the declarations right below it, up to an empty line;
one at the end of a line, to what stands in that line. ``/* ---- words`` begins a section, the lines below it are
its introduction. What is not understood is an error, never left out.
"""

import re

__all__ = ["reference"]

PARTS = re.compile(
    r"""/\*(?P<comment>.*?)\*/
      | ^\#(?P<directive>(?:[^\n]*\\\n)*[^\n]*)$
      | (?P<space>\s+)
      | (?P<declaration>[^;{}/\#]+ (?:\{[^{}]*\}[^;{}]*)? ;)
      | (?P<other>extern\ "C"\ \{ | \})""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


def reference(header):
    """Return reStructuredText for the text of a header: ``c:function`` directives and so on, in sections."""
    words = _Words(header)
    written, comment, functions = [], "", []

    def write_functions():
        # One comment over several functions stands below all of them.
        if functions:
            written.extend(_described("c:function", functions, words.linked(comment)))
            functions.clear()

    for kind, text, gap in _parts(header):
        if kind == "comment" or "\n\n" in gap:
            write_functions()
            comment = ""
        if kind == "comment":
            comment = _unwrapped(text)
            title, _, introduction = comment.partition("\n")
            if title.startswith("---- "):
                title = title[5].upper() + title[6:]
                written += [title, "-" * len(title), "", words.linked(introduction.strip()), ""]
                comment = ""
            elif not written:  # what the file opens with: a title, then paragraphs on one word each
                paragraphs = words.linked(comment.partition("\n\n")[2])
                written += [re.sub(r"(?:(?<=\n\n)|^)([A-Z]\w+\.)", r"**\1**", paragraphs), ""]
                comment = ""
        elif kind == "directive":
            macro = re.fullmatch(r"define (RF_\w+) (.+)", text)
            if macro and not macro[2].startswith("__attribute__"):
                written += _described("c:macro", [macro[1]], f"``{macro[2]}``. {words.linked(comment)}")
        elif kind == "declaration" and text.startswith("RF_API "):
            functions.append(" ".join(text.removeprefix("RF_API ").removesuffix(";").split()))
        elif kind == "declaration":
            write_functions()
            written += _type(text, words, comment)
            comment = ""
    write_functions()
    return "\n".join(written)


def _parts(header):
    """Split a header; each part with the white space in front of it."""
    at, gap = 0, ""
    while at < len(header):
        part = PARTS.match(header, at)
        if part is None:
            line = header.count("\n", 0, at) + 1
            raise ValueError(f"line {line} of the header is not understood: {header[at : at + 60]!r}")
        at = part.end()
        if part.lastgroup == "space":
            gap = part[0]
            continue
        yield part.lastgroup, part[part.lastgroup], gap
        gap = ""


def _unwrapped(comment):
    return "\n".join(re.sub(r"^ \* ?", "", line) for line in comment.split("\n")).strip()


def _type(text, words, comment):
    body = re.fullmatch(r"(?:typedef )?(enum|struct) \{(.*)\}\s*(\w*);", text, re.DOTALL)
    if body:
        kind, inside, name = body.groups()
        directive, lines = ("c:enumerator", _enumerators) if kind == "enum" else ("c:member", _members)
        described = list(_grouped(directive, lines(inside), words))
        if not name:  # numbers without a type
            return [words.linked(comment), "", *described]
        return _described(f"c:{kind}", [name], words.linked(comment), described)
    alias = re.fullmatch(r"typedef (\w+) (\w+);", text)
    if alias:
        return _described("c:type", [f"{alias[1]} {alias[2]}"], words.linked(comment))
    raise ValueError(f"the declaration is not understood: {text!r}")


def _enumerators(inside):
    """Each enumerator, and the comment at the end of its line."""
    for name, comment in re.findall(r"([^,/]+),?[ ]*(?:/\*(.*?)\*/)?", inside, re.DOTALL):
        if name.strip():
            yield [name.strip()], comment


def _members(inside):
    """Each declaration as a list, one for each name, and the comment at the end of its line."""
    for declaration, comment in re.findall(r"([^;]+);[ ]*(?:/\*(.*?)\*/)?", inside, re.DOTALL):
        declared = re.fullmatch(r"((?:const )?\w+) ([\w*\[\], ]+)", declaration.strip())
        if declared is None:
            raise ValueError(f"the member is not understood: {declaration!r}")
        yield [f"{declared[1]} {name}" for name in declared[2].split(", ")], comment


def _grouped(directive, lines, words):
    """Describe what has a comment; what has none stands together."""
    bare = []
    for signatures, comment in lines:
        if comment:
            if bare:
                yield from _described(directive, bare, "")
            bare = []
            yield from _described(directive, signatures, words.linked(" ".join(_unwrapped(comment).split())))
        else:
            bare += signatures
    if bare:
        yield from _described(directive, bare, "")


def _described(directive, signatures, text, inside=()):
    """Write a directive with one or more signatures, a text, and more directives inside."""
    lead = f".. {directive}:: "
    first, *more = signatures
    body = [line for part in (text.split("\n") if text else (), inside) for line in ("", *part) if part]
    return [lead + first, *(" " * len(lead) + each for each in more), *(f"   {b}".rstrip() for b in body), ""]


class _Words:
    """What a comment may refer to."""

    def __init__(self, header):
        code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
        functions = re.findall(r"^RF_API .*?\b(rf_\w+)\(", code, re.MULTILINE)
        self._roles = dict.fromkeys(functions, "c:func")
        self._roles |= dict.fromkeys(re.findall(r"\b(rf_\w+);", code), "c:type")
        macros = [name for name in re.findall(r"^#define (RF_\w+) ", code, re.MULTILINE) if name != "RF_API"]
        self._roles |= dict.fromkeys(macros, "c:macro")
        listed = re.findall(r"enum \{(.*?)\}", code, re.DOTALL)
        enumerators = re.findall(r"\bRF_\w+", " ".join(listed))
        self._roles |= dict.fromkeys(
            (name for name in enumerators if name not in self._roles), "c:enumerator"
        )

    def linked(self, comment):
        """Escape a comment, and link the names in it."""
        comment = re.sub(r"\n(?=RF_E[A-Z]+:)", "\n\n", comment)  # a paragraph for each status
        pieces = re.split(r"(`[^`]*`|\b[rR][fF]_\w+(?:\.\w+)?)", comment)
        written = "".join(self._piece(piece) for piece in pieces)
        return re.sub(r"(?<=`)(?=[(*])", r"\\ ", written)  # markup ends at a space

    def _piece(self, piece):
        if piece.startswith("`"):
            return f"`{piece}`"
        if piece in self._roles:
            return f":{self._roles[piece]}:`{piece}`"
        if re.fullmatch(r"rf_\w+\.\w+", piece):
            return f":c:member:`{piece}`"
        if re.fullmatch(r"[rR][fF]_.*", piece):
            return f"``{piece}``"
        return re.sub(r"([*|\\])|(?<=\w)(_)(?=\W|$)", r"\\\1\2", piece)
