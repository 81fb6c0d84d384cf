"""Derive the constants of constants.h, so that everyone can see where they come from.

    python csrc/coefficients.py            print them, float then double
    python csrc/coefficients.py --check    also compare with constants.h, and every polynomial's error with its
                                           bound; exit status 1 if something differs

EXPM1_Q0.. are the coefficients of q in expm1(r) = r + r^2 q(r), |r| <= ln2/2 (plus a margin, because
k = round(x / ln2) is computed with rounding). q minimises the largest error of r^2 q(r) relative to exp(r), for
double, whose degree is a tight fit, relative to expm1(r).

TANH_M0.. are the coefficients of M in x - tanh(x) = x^3 / M(x^2), |x| <= 1 (float only); they minimise the error
relative to tanh(x).

Coefficients are rounded to the type one at a time, lowest first (the low ones matter most), and the rest is fitted
again after each, so that it makes up for what rounding did.

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
GELU_LINEAR = 2 * mpmath.sqrt(2 / mpmath.pi)
GELU_CUBIC = GELU_LINEAR * mpf("0.044715")
PAIRS = {
    "LN2": LN2,
    "SELU_SCALE": SELU_SCALE,
    "SELU_LEFT": SELU_SCALE * SELU_ALPHA,
    "SIXTH": mpf(1) / 6,
    "GELU_CUBIC": GELU_CUBIC,
    "GELU_CUBIC3": 3 * GELU_CUBIC,
}
# Binary places of GELU_LINEAR_HI: its difference from LINEAR_HI + c x^2, below 2^6 and 2^8 down to where the slope
# vanishes, is then exact.
LINEAR_PLACES = {24: 18, 53: 45}
R_MAX = LN2 / 2 * (1 + mpf(2) ** -13)

# name, C suffix, precision in bits, degree of q, what its error is relative to, bounds on its error in ULP of
# exp(r) and of expm1(r)
TYPES = [("f32", "f", 24, 4, mpmath.exp, (0.06, 0.3)), ("f64", "", 53, 9, mpmath.expm1, (0.06, 0.2))]
TANH_DEGREE, TANH_BOUND = 3, 0.05  # of M, and on the error in units of 2^-24 tanh(x)


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


def fit(function, weight, degree, bits, nodes):
    """Coefficients, lowest first, that minimise the largest weight * |function - polynomial| at the nodes."""
    c = []
    for low in range(degree + 1):
        rows = [[weight(r) * r**j for j in range(low, degree + 1)] for r in nodes]
        values = [weight(r) * (function(r) - (polynomial(c, r) if c else 0)) for r in nodes]
        c.append(rounded(minimax(rows, values)[0], bits))
    return c


def chebyshev(low, high, points=240):
    cosines = (mpmath.cos(mpmath.pi * (i + mpf(1) / 2) / points) for i in range(points))
    return [(low + high) / 2 + (high - low) / 2 * c for c in cosines]


def fit_q(degree, bits, relative_to):
    return fit(q_exact, lambda r: r**2 / abs(relative_to(r)), degree, bits, chebyshev(-R_MAX, R_MAX))


def m_exact(z):
    x = mpmath.sqrt(z)
    return x**3 / (x - mpmath.tanh(x))


def tanh_error(z, m):
    """Error of x - x z / M(z) relative to tanh(x), as a factor of that of M."""
    return z / m**2 / (1 - z / m)


def fit_m(bits):
    nodes = chebyshev(mpf("1e-4"), mpf("1.001"))
    return fit(m_exact, lambda z: tanh_error(z, m_exact(z)), TANH_DEGREE, bits, nodes)


def q_errors(q, bits, points=2000):
    """Largest error of r + r^2 q(r) in ULP of exp(r) and in ULP of expm1(r)."""

    def ulp(y):
        return mpf(2) ** (mpmath.frexp(y)[1] - bits)

    grid = [R_MAX * i / points for i in range(-points, points + 1) if i]
    errors = [(r, r**2 * abs(polynomial(q, r) - q_exact(r))) for r in grid]
    return max(e / ulp(mpmath.exp(r)) for r, e in errors), max(e / ulp(mpmath.expm1(r)) for r, e in errors)


def constants(bits, degree, relative_to):
    yield "LOG2E", rounded(1 / LN2, bits)
    for name, value in PAIRS.items():
        high, low = pair(value, bits)
        yield f"{name}_HI", high
        yield f"{name}_LO", low
    linear = mpmath.ldexp(mpmath.nint(mpmath.ldexp(GELU_LINEAR, LINEAR_PLACES[bits])), -LINEAR_PLACES[bits])
    yield "GELU_LINEAR_HI", linear
    yield "GELU_LINEAR_LO", rounded(GELU_LINEAR - linear, bits)
    yield from ((f"EXPM1_Q{i}", c) for i, c in enumerate(fit_q(degree, bits, relative_to)))
    if bits == 24:
        yield from ((f"TANH_M{i}", c) for i, c in enumerate(fit_m(bits)))


def c_literal(x, suffix):
    digits, exponent = float(x).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}{suffix}"


def main():
    check, failed = "--check" in sys.argv[1:], False
    header = Path(__file__).with_name("constants.h").read_text()
    used = {float.fromhex(digits) for digits in re.findall(r"-?0x[0-9a-f.]+p[+-]?\d+", header)}
    for name, suffix, bits, degree, relative_to, bounds in TYPES:
        lines = list(constants(bits, degree, relative_to))
        for constant, value in lines:
            missing = check and float(value) not in used
            failed |= missing
            print(
                f"{constant}_{name} = {c_literal(value, suffix)}", "<- not in constants.h" if missing else ""
            )
        if not check:
            continue
        errors = q_errors([v for n, v in lines if n.startswith("EXPM1_Q")], bits)
        failed |= any(error > bound for error, bound in zip(errors, bounds, strict=True))
        print(
            f"/* error of q at most {float(errors[0]):.2g} ULP of exp(r) (bound {bounds[0]}), "
            f"{float(errors[1]):.2g} of expm1(r) (bound {bounds[1]}) */"
        )
        if m := [v for n, v in lines if n.startswith("TANH_M")]:
            error = max(
                abs(tanh_error(z, m_exact(z)) * (polynomial(m, z) - m_exact(z)))
                for z in chebyshev(mpf("1e-4"), mpf(1), 999)
            )
            failed |= error * 2**bits > TANH_BOUND
            print(
                f"/* error of M at most {float(error * 2**bits):.2g} * 2^-24 tanh(x) (bound {TANH_BOUND}) */"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
