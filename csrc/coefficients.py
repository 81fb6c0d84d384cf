"""Derive the constants of constants.h, so that everyone can see where they come from.

    python csrc/coefficients.py            print them, float then double
    python csrc/coefficients.py --check    also compare with constants.h, and every polynomial's error with its
                                           bound; exit status 1 if something differs

EXPM1_Q0.. are the coefficients of q in expm1(r) = r + r^2 q(r), |r| <= ln2/2 (plus a margin, because
k = round(x / ln2) is computed with rounding). q minimises the largest error of r^2 q(r) relative to exp(r). Its
coefficients are rounded to the type one at a time, lowest first (the low ones matter most), and the rest is
fitted again after each, so that it makes up for what rounding did.

LN2_HI + LN2_LO is ln2 to twice the precision; x - k * LN2_HI is exact with a true fma.

Errors are those of the polynomial with its rounded coefficients in exact arithmetic; rounding in its evaluation
comes on top.
"""

import re
import sys
from pathlib import Path

import mpmath
from mpmath import mpf

mpmath.mp.prec = 200
LN2 = mpmath.log(2)
SELU_ALPHA = mpf("1.6732632423543772848170429916717")
SELU_SCALE = mpf("1.0507009873554804934193349852946")
R_MAX = LN2 / 2 * (1 + mpf(2) ** -13)

# name, C suffix, precision in bits, degree of q, bound on the error of q in ULP of exp(r)
TYPES = [("f32", "f", 24, 4, 0.06), ("f64", "", 53, 10, 0.01)]


def rounded(x, bits):
    mantissa, exponent = mpmath.frexp(x)
    return mpmath.ldexp(mpmath.nint(mpmath.ldexp(mantissa, bits)), exponent - bits)


def pair(x, bits):
    high = rounded(x, bits)
    return high, rounded(x - high, bits)


def q_exact(r):
    return (mpmath.expm1(r) - r) / r**2


def polynomial(coefficients, r):
    return mpmath.polyval(coefficients[::-1], r)


def minimax(rows, values):
    """Minimise the largest |values - rows . c|, exchanging one point at a time (Stiefel's simplex on the dual).

    Unlike Remez it does not count on alternating signs, which the fits with fixed low coefficients need not have.
    """
    n = len(rows[0])
    chosen = [i * (len(rows) - 1) // n for i in range(n + 1)]
    while True:
        # The one combination of the n + 1 chosen rows that vanishes tells the signs of the errors of equal size.
        others = mpmath.matrix([rows[i] for i in chosen[1:]]).T
        weights = [mpf(-1), *mpmath.lu_solve(others, mpmath.matrix(rows[chosen[0]]))]
        side = mpmath.sign(mpmath.fdot(weights, [values[i] for i in chosen]))
        signs = [mpmath.sign(w) * side for w in weights]
        system = mpmath.matrix([[*rows[i], s] for i, s in zip(chosen, signs, strict=True)])
        *c, level = mpmath.lu_solve(system, mpmath.matrix([values[i] for i in chosen]))

        errors = [v - mpmath.fdot(row, c) for row, v in zip(rows, values, strict=True)]
        worst = max(range(len(rows)), key=lambda i: abs(errors[i]))
        if abs(errors[worst]) <= level * mpf("1.0001"):
            return c

        # The worst point comes in for the one that keeps all signs right.
        s = mpmath.sign(errors[worst])
        shares = mpmath.lu_solve(system.T, mpmath.matrix([*rows[worst], s]))
        ratio = {
            j: abs(weights[j]) / (shares[j] * signs[j] * s)
            for j in range(n + 1)
            if shares[j] * signs[j] * s > 0
        }
        chosen[min(ratio, key=ratio.get)] = worst


def fit_q(degree, bits, points=240):
    nodes = [R_MAX * mpmath.cos(mpmath.pi * (i + mpf(1) / 2) / points) for i in range(points)]
    weights = [r**2 / mpmath.exp(r) for r in nodes]
    c = []
    for low in range(degree + 1):
        rows = [[w * r**j for j in range(low, degree + 1)] for r, w in zip(nodes, weights, strict=True)]
        values = [
            w * (q_exact(r) - (polynomial(c, r) if c else 0)) for r, w in zip(nodes, weights, strict=True)
        ]
        c.append(rounded(minimax(rows, values)[0], bits))
    return c


def q_errors(q, bits, points=2000):
    """Largest error of r + r^2 q(r) in ULP of exp(r) and in ULP of expm1(r)."""

    def ulp(y):
        return mpf(2) ** (mpmath.frexp(y)[1] - bits)

    grid = [R_MAX * i / points for i in range(-points, points + 1) if i]
    errors = [(r, r**2 * abs(polynomial(q, r) - q_exact(r))) for r in grid]
    return max(e / ulp(mpmath.exp(r)) for r, e in errors), max(e / ulp(mpmath.expm1(r)) for r, e in errors)


def constants(bits, degree):
    yield "LOG2E", rounded(1 / LN2, bits)
    for name, value in (("LN2", LN2), ("SELU_SCALE", SELU_SCALE), ("SELU_LEFT", SELU_SCALE * SELU_ALPHA)):
        high, low = pair(value, bits)
        yield f"{name}_HI", high
        yield f"{name}_LO", low
    yield from ((f"EXPM1_Q{i}", c) for i, c in enumerate(fit_q(degree, bits)))


def c_literal(x, suffix):
    digits, exponent = float(x).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}{suffix}"


def main():
    check, failed = "--check" in sys.argv[1:], False
    header = Path(__file__).with_name("constants.h").read_text()
    used = {float.fromhex(digits) for digits in re.findall(r"-?0x[0-9a-f.]+p[+-]?\d+", header)}
    for name, suffix, bits, degree, bound in TYPES:
        lines = list(constants(bits, degree))
        for constant, value in lines:
            missing = check and float(value) not in used
            failed |= missing
            print(
                f"{constant}_{name} = {c_literal(value, suffix)}", "<- not in constants.h" if missing else ""
            )
        if check:
            error, expm1_error = q_errors([v for n, v in lines if n.startswith("EXPM1_Q")], bits)
            failed |= error > bound
            print(
                f"/* error of q at most {float(error):.2g} ULP of exp(r) (bound {bound}), "
                f"{float(expm1_error):.2g} ULP of expm1(r) */"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
