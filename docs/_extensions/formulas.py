"""The one-line formulas of the table, which are Python expressions, as LaTeX."""

import ast

__all__ = ["latex"]

ADD, MULTIPLY, NEGATE, POWER, ATOM = range(5)  # how tightly an expression binds
FUNCTIONS = {"max": r"\max", "min": r"\min", "log": r"\log", "tanh": r"\tanh", "erf": r"\operatorname{erf}"}
LETTERS = {"alpha", "beta", "pi"}
COMPARISONS = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "="}


def latex(expression):
    """Return LaTeX for an expression of one or more numbers, names, operators and conditions."""
    return _write(ast.parse(expression, mode="eval").body, ADD)


def _write(node, least):
    """Write a node, in parentheses where it binds less tightly than `least`."""
    for kind, writer in WRITERS.items():
        if isinstance(node, kind):
            text, binds = writer(node)
            return text if binds >= least else rf"\left({text}\right)"
    raise ValueError(f"cannot write {ast.unparse(node)!r} as LaTeX")


def _constant(node):
    return repr(node.value), ATOM


def _name(node):
    if node.id in LETTERS:
        return f"\\{node.id}", ATOM
    escaped = node.id.replace("_", r"\_")
    return (node.id if len(node.id) == 1 else rf"\text{{{escaped}}}"), ATOM


def _binary(node):
    operator = type(node.op)
    if operator is ast.Div:
        return rf"\frac{{{_write(node.left, ADD)}}}{{{_write(node.right, ADD)}}}", MULTIPLY
    if operator is ast.Pow:
        return f"{_write(node.left, ATOM)}^{{{_write(node.right, ADD)}}}", POWER
    if operator is ast.Mult:
        # A number to the right, or to the left of another one, needs a sign.
        dot = r"\cdot " if isinstance(node.right, ast.Constant) else r"\,"
        return f"{_write(node.left, MULTIPLY)}{dot}{_write(node.right, NEGATE)}", MULTIPLY
    sign = {ast.Add: "+", ast.Sub: "-"}[operator]
    return f"{_write(node.left, ADD)} {sign} {_write(node.right, MULTIPLY)}", ADD


def _unary(node):
    return f"-{_write(node.operand, MULTIPLY)}", MULTIPLY


def _call(node):
    name, arguments = node.func.id, [_write(argument, ADD) for argument in node.args]
    if name == "exp":
        exponent, is_quotient = node.args[0], isinstance(getattr(node.args[0], "op", None), ast.Div)
        if is_quotient:  # a fraction would be too small to read up there
            arguments[0] = f"{_write(exponent.left, MULTIPLY)} / {_write(exponent.right, POWER)}"
        return f"e^{{{arguments[0]}}}", POWER
    if name == "sqrt":
        return rf"\sqrt{{{arguments[0]}}}", ATOM
    if name == "abs":
        return rf"\left|{arguments[0]}\right|", ATOM
    return rf"{FUNCTIONS[name]}\left({', '.join(arguments)}\right)", ATOM


def _compare(node):
    words = [_write(node.left, ADD)]
    for operator, right in zip(node.ops, node.comparators, strict=True):
        words += [COMPARISONS[type(operator)], _write(right, ADD)]
    return " ".join(words), ADD


def _cases(node):
    lines = []
    while isinstance(node, ast.IfExp):
        lines.append(rf"{_write(node.body, ADD)} & \text{{if }} {_write(node.test, ADD)}")
        node = node.orelse
    lines.append(rf"{_write(node, ADD)} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", ATOM


WRITERS = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.IfExp: _cases,
}
