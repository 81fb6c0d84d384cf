"""Derive the constants of constants.h, so that everyone can see where they come from.

    python csrc/coefficients.py            print them, float then double
    python csrc/coefficients.py --check    also compare with constants.h, and every polynomial's error with its
                                           bound; exit status 1 if something differs

EXP_Q0.. are the coefficients of q in expm1(r) = r + r^2 q(r), |r| <= ln2/2 (plus a margin, because
k = round(x / ln2) is computed with rounding). q minimises the largest error of r^2 q(r) relative to exp(r), for
double, whose degree is a tight fit, relative to expm1(r).

EXPM1_Q0.. are those of the q for e^x - 1, x <= 0, of float. An r may come from x = r, x = r - ln2 and so on, and its
error counts relative to the smallest e^x - 1 it is part of. The second is taken as 5/4 of what it is: of the penalties
tried the one that leaves elu and selu the smallest errors.

TANH_M0.. are the coefficients of M in x - tanh(x) = x^3 / M(x^2), |x| <= 1 (float only); they minimise the error
relative to tanh(x).

GELU_S0.. are the coefficients of s in erfc(a / sqrt(2)) e^(a^2 / 2) / 2 = SCALE t s(t - CENTRE), t = 1 / (1 + C a);
they minimise the error relative to s. C was scanned for a low degree, and SCALE for one whose low coefficients are
next to numbers of the type; double's lowest three next to ones whose last bits are 0, which makes the compensated
sums that they begin exact. DENSITY is 1 / (SCALE sqrt(2 pi)).

COSH_C0.. and SINH_S0.. are the coefficients of C in cosh(r) = 1 + u C(u) and S in sinh(r) = r + r^3 S(u), u = r^2,
|r| <= ln2/2; they minimise the errors of cosh and sinh, absolute ones.

ATANH_R0.. are the coefficients of R in atanh(h) = h + h^3 R(h^2), 0 <= h <= 1/3; they minimise the error relative to
atanh(h).

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
    "SIXTH": mpf(1) / 6,
    "SELU_SCALE": SELU_SCALE,
    "SELU_LEFT": SELU_SCALE * SELU_ALPHA,
    "GELU_CUBIC": GELU_CUBIC,
    "GELU_CUBIC3": 3 * GELU_CUBIC,
}
# HI is rounded down, so that LO has its sign: then their products add up for infinite and for zero factors, too.
SAME_SIGN = {"SELU_SCALE"}
# Binary places of GELU_LINEAR_HI: its difference from LINEAR_HI + c x^2, below 2^6 and 2^8 down to where the slope
# vanishes, is then exact.
LINEAR_PLACES = {24: 18, 53: 45}
R_MAX = LN2 / 2 * (1 + mpf(2) ** -13)

# name, C suffix, precision in bits, degree of q, what its error is relative to, bounds on its error in ULP of
# exp(r) and of expm1(r)
TYPES = [("f32", "f", 24, 4, mpmath.exp, (0.06, 0.3)), ("f64", "", 53, 9, mpmath.expm1, (0.06, 0.2))]
# of gelu by precision: C, CENTRE, SCALE, the largest a, degree, how many of the lowest coefficients are rounded one
# at a time, bound on the error in units of 2^-precision
GELU = {
    24: ("0x1.30a3d8p-2", "0x1.cp-2", "0x1.c324cap+0", 14.7, 9, 9, 0.06),
    53: ("0x1.5p-3", "0x1.2p-1", "0x1.3ca349c4p+0", 39, 21, 6, 0.1),
}
# by the precision: degree of R, and bound on its error in units of 2^-precision atanh(h)
ATANH = {24: (3, 0.08), 53: (9, 0.02)}
EXPM1_BOUND = 0.2  # on the error of that q, as below_0 weighs it, in units of 2^-24 (e^x - 1)
# degrees of C and S, and bound on the errors of cosh and sinh in units of 2^-precision
HYPERBOLIC = {24: (2, 1, 0.06), 53: (5, 4, 0.001)}
TANH_DEGREE, TANH_BOUND = 3, 0.05  # of M, and on the error in units of 2^-24 tanh(x)


def rounded(x, bits):
    mantissa, exponent = mpmath.frexp(x)
    return mpmath.ldexp(mpmath.nint(mpmath.ldexp(mantissa, bits)), exponent - bits)


def pair(x, bits, same_sign=False):
    high = rounded(x, bits)
    if same_sign and abs(high) > abs(x):
        high -= mpmath.sign(x) * mpmath.ldexp(1, mpmath.frexp(high)[1] - bits)
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


def fit(function, weight, degree, bits, nodes, one_by_one=None):
    """Coefficients, lowest first, that minimise the largest weight * |function - polynomial| at the nodes.

    The `one_by_one` lowest, by default all, are rounded one at a time.
    """
    c, exact, weights = [], [function(r) for r in nodes], [weight(r) for r in nodes]
    for low in range((degree if one_by_one is None else one_by_one) + 1):
        rows = [[w * r**j for j in range(low, degree + 1)] for w, r in zip(weights, nodes, strict=True)]
        left = [e - (polynomial(c, r) if c else 0) for e, r in zip(exact, nodes, strict=True)]
        best = minimax(rows, [w * e for w, e in zip(weights, left, strict=True)])
        c += [rounded(v, bits) for v in (best if low == one_by_one else best[:1])]
    return c


def chebyshev(low, high, points=240):
    cosines = (mpmath.cos(mpmath.pi * (i + mpf(1) / 2) / points) for i in range(points))
    return [(low + high) / 2 + (high - low) / 2 * c for c in cosines]


def fit_q(degree, bits, relative_to):
    return fit(q_exact, lambda r: r**2 / abs(relative_to(r)), degree, bits, chebyshev(-R_MAX, R_MAX))


def below_0(r):
    halved = mpf(5) / 4 * mpmath.expm1(r - LN2)
    return max(halved, mpmath.expm1(r)) if r < 0 else halved


def m_exact(z):
    x = mpmath.sqrt(z)
    return x**3 / (x - mpmath.tanh(x))


def tanh_error(z, m):
    """Error of x - x z / M(z) relative to tanh(x), as a factor of that of M."""
    return z / m**2 / (1 - z / m)


def fit_m(bits):
    nodes = chebyshev(mpf("1e-4"), mpf("1.001"))
    return fit(m_exact, lambda z: tanh_error(z, m_exact(z)), TANH_DEGREE, bits, nodes)


def gelu_nodes(bits, points=100):
    c, centre, _, far, *_ = GELU[bits]
    return chebyshev(1 / (1 + number(c) * far) - number(centre), 1 - number(centre), points)


def number(hexadecimal):
    return mpf(float.fromhex(hexadecimal))


def s_exact(bits):
    c, centre, scale, *_ = GELU[bits]

    def s(u):
        t = u + number(centre)
        a = (1 / t - 1) / number(c)
        return mpmath.erfc(a / mpmath.sqrt(2)) * mpmath.exp(a * a / 2) / 2 / t / number(scale)

    return s


def fit_s(bits):
    *_, degree, one_by_one, _ = GELU[bits]
    s = s_exact(bits)
    return fit(s, lambda u: 1 / s(u), degree, bits, gelu_nodes(bits), one_by_one)


def r_exact(u):
    h = mpmath.sqrt(u)
    return (mpmath.atanh(h) - h) / h**3


def atanh_share(u):
    """How much an error of R weighs relative to atanh(h)."""
    h = mpmath.sqrt(u)
    return h**3 / mpmath.atanh(h)


def fit_r(bits):
    nodes = chebyshev(mpf(0), mpf(1) / 9 * (1 + mpf(2) ** -20), 160)
    return fit(r_exact, atanh_share, ATANH[bits][0], bits, nodes)


def cosh_exact(u):
    return (mpmath.cosh(mpmath.sqrt(u)) - 1) / u


def sinh_exact(u):
    return (mpmath.sinh(mpmath.sqrt(u)) - mpmath.sqrt(u)) / mpmath.sqrt(u) ** 3


def fit_hyperbolic(bits):
    """C and S."""
    nodes = chebyshev(mpf("1e-5"), R_MAX**2, 120)
    c = fit(cosh_exact, lambda u: u, HYPERBOLIC[bits][0], bits, nodes)
    return c, fit(sinh_exact, lambda u: mpmath.sqrt(u) ** 3, HYPERBOLIC[bits][1], bits, nodes)


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
        high, low = pair(value, bits, name in SAME_SIGN)
        yield f"{name}_HI", high
        yield f"{name}_LO", low
    linear = mpmath.ldexp(mpmath.nint(mpmath.ldexp(GELU_LINEAR, LINEAR_PLACES[bits])), -LINEAR_PLACES[bits])
    yield "GELU_LINEAR_HI", linear
    yield "GELU_LINEAR_LO", rounded(GELU_LINEAR - linear, bits)
    density, density_lo = pair(1 / number(GELU[bits][2]) / mpmath.sqrt(2 * mpmath.pi), bits)
    yield "GELU_DENSITY", density
    yield "GELU_DENSITY_LO", density_lo
    yield from ((f"EXP_Q{i}", c) for i, c in enumerate(fit_q(degree, bits, relative_to)))
    yield from ((f"GELU_S{i}", c) for i, c in enumerate(fit_s(bits)))
    cosh, sinh = fit_hyperbolic(bits)
    yield from ((f"COSH_C{i}", c) for i, c in enumerate(cosh))
    yield from ((f"SINH_S{i}", c) for i, c in enumerate(sinh))
    yield from ((f"ATANH_R{i}", c) for i, c in enumerate(fit_r(bits)))
    if bits == 24:
        yield from ((f"EXPM1_Q{i}", c) for i, c in enumerate(fit_q(degree, bits, below_0)))
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
        errors = q_errors([v for n, v in lines if n.startswith("EXP_Q")], bits)
        failed |= any(error > bound for error, bound in zip(errors, bounds, strict=True))
        print(
            f"/* error of q at most {float(errors[0]):.2g} ULP of exp(r) (bound {bounds[0]}), "
            f"{float(errors[1]):.2g} of expm1(r) (bound {bounds[1]}) */"
        )
        s, exact = [v for n, v in lines if n.startswith("GELU_S")], s_exact(bits)
        error = max(abs(polynomial(s, u) / exact(u) - 1) for u in gelu_nodes(bits, 333)) * 2**bits
        failed |= error > GELU[bits][-1]
        print(f"/* error of s at most {float(error):.2g} * 2^-{bits} s (bound {GELU[bits][-1]}) */")
        r = [v for n, v in lines if n.startswith("ATANH_R")]
        error = max(
            atanh_share(u) * abs(polynomial(r, u) - r_exact(u)) * 2**bits
            for u in chebyshev(mpf(0), mpf(1) / 9, 499)
        )
        bound = ATANH[bits][1]
        failed |= error > bound
        print(f"/* error of R at most {float(error):.2g} * 2^-{bits} atanh(h) (bound {bound}) */")
        c, s = ([v for n, v in lines if n.startswith(start)] for start in ("COSH_C", "SINH_S"))
        error = max(
            max(u * abs(polynomial(c, u) - cosh_exact(u)), u**1.5 * abs(polynomial(s, u) - sinh_exact(u)))
            for u in chebyshev(mpf("1e-5"), R_MAX**2, 499)
        )
        bound = HYPERBOLIC[bits][-1]
        failed |= error * 2**bits > bound
        print(f"/* error of C and S at most {float(error * 2**bits):.2g} * 2^-{bits} (bound {bound}) */")
        if q := [v for n, v in lines if n.startswith("EXPM1_Q")]:
            error = max(
                abs(r**2 * (polynomial(q, r) - q_exact(r)) / below_0(r))
                for r in chebyshev(-R_MAX, R_MAX, 999)
            )
            failed |= error * 2**bits > EXPM1_BOUND
            print(
                f"/* error of EXPM1_Q at most {float(error * 2**bits):.2g} * 2^-24 (e^x - 1) (bound {EXPM1_BOUND}) */"
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
