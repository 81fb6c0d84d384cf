"""Report which loops of kernels.c gcc vectorises, for every instruction set; exit status 1 if one is missing.

    python3 csrc/vector_report.py [EXTRA_FLAG ...]      CC names the compiler, which must be gcc

What must be vectorised follows from the sources. In the preprocessed kernels.c, a function that hands its row's
mathematics to the driver of loops.h must end up with all copies of the driver's loops, and any other function with all
loops that are marked RF_INDEPENDENT, in vectors as wide as the instruction set has. Every row of activations.h must
have such a function of every kind and type, so that none can drop out unseen.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
VECTOR_BYTES = {"neon": 16, "baseline": 16, "avx2": 32, "avx512": 64}
# A loop that must be vectorised, and how a loop of a row says what it is.
LOOP = re.compile(r"#pragma (?:omp simd|GCC ivdep)")
ROW = re.compile(r"\(row_f\d\d\)\{([^{}]*)\}")
FIELD = re.compile(r"\.(\w+) = (\w+)")
# Copies of the loops of loops.h by cost and number of parameters: cheap rows have two, in memory and past the cache,
# and one for arrays of parameters; the others have one, and with a parameter one where it is 1 (unless that is another
# row's), one where it is constant and one for arrays of it, or one for all where code is to be small.
COPIES = {"RF_CHEAP": (2, 3, 3), "RF_MEDIUM": (1, 3), "RF_COSTLY": (1, 3), "RF_LONG": (1, 3)}
SMALL_COPIES = {"RF_CHEAP": (2, 3, 3), "RF_MEDIUM": (1, 1), "RF_COSTLY": (1, 1), "RF_LONG": (1, 1)}
# The loops of a row; where the output tells the gradient, the table names one more.
LOOPS = ["loop", "backward_loop"]
TYPES = ["f32", "f64"]


def output_of(command, **options):
    """Return what a command prints; an exception if it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options).stdout


def compiler():
    """Return the command that CC names, if it is gcc."""
    cc = os.environ.get("CC", "gcc").split()
    macros = output_of([*cc, "-dM", "-E", "-"], input="")
    if "__clang__" in macros or "__GNUC__" not in macros:
        sys.exit(f"the report reads gcc's messages, and CC={' '.join(cc)} is not gcc")
    return cc


def instruction_sets(cc):
    """Compiler flags of every instruction set by name, from isa_flags.txt, of the machine that `cc` compiles for."""
    flags = dict(line.split(" ", 1) for line in (HERE / "isa_flags.txt").read_text().splitlines())
    common = flags.pop("all")
    machine = output_of([*cc, "-dumpmachine"]).split("-")[0]
    if machine not in ("x86_64", "amd64"):
        flags = {}
    flags = {
        name: f"{common} -DRF_ISA={name} {own}".split() for name, own in {"baseline": "", **flags}.items()
    }
    return {"neon": flags["baseline"]} if machine == "aarch64" else flags


def rows_of_the_table():
    """Names of the functions that every activation must have."""
    table = (HERE / "activations.h").read_text()
    rows = re.findall(r"^RF_ROW\((\w+),", table, re.MULTILINE)
    loops = {row: [f"{row}_{kind}" for kind in LOOPS] for row in rows}
    for row, function in re.findall(r"^RF_FROM_Y\((\w+), (?!SHARED)\w+, (\w+)\)", table, re.MULTILINE):
        loops[row].append(f"{function}_loop")
    return {row: [f"{loop}_{t}" for loop in mine for t in TYPES] for row, mine in loops.items()}


def functions_in(source):
    """Bodies of the functions in preprocessed C, by name."""
    bodies = {}
    for head in re.finditer(r"\b(\w+)\((?:[^(){};]|\([^()]*\))*\)\s*\{", source):
        depth, end = 1, head.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        bodies[head[1]] = source[head.end() : end]
    return bodies


def expected_loops(source, copies):
    """How many loops must be vectorised in each function that must have any: those of the drivers inlined into it."""
    bodies = functions_in(source)
    inline = set(re.findall(r"always_inline\)\)[\w\s*]*?\b(\w+)\(", source))
    calls = {name: re.findall(r"\b(\w+)\(", body) for name, body in bodies.items()}

    def drivers_of(name):
        direct = {called for called in calls[name] if called in bodies and called in inline}
        return direct.union(*(drivers_of(called) for called in direct))

    def inlined_into(name):
        if row := ROW.search(bodies[name]):
            fields = dict(FIELD.findall(row[1]))
            n = copies[fields["cost"]][int(fields.get("n_params", 0))]
            return n - 1 if fields.get("like_at") == "1" and n > 1 else n
        return sum(len(LOOP.findall(bodies[driver])) for driver in drivers_of(name))

    loops = {name: inlined_into(name) for name in bodies if name not in inline}
    return {name: n for name, n in loops.items() if n > 0}


def vectorised_loops(dump, width):
    """Return how many loops of each function use vectors of `width` bytes, from a dump of the vectoriser."""
    count, function = {}, None
    for line in dump.splitlines():
        if header := re.match(r";; Function (\w+)", line):
            function = header[1]
        elif f"optimized: loop vectorized using {width} byte vectors" in line:
            count[function] = count.get(function, 0) + 1
    return count


def shortfalls(cc, name, flags, extra):
    """Return {function: loops expected} and {function: what is wrong with it} for an instruction set."""
    width = VECTOR_BYTES[name]
    command = [*cc, *flags, str(HERE / "kernels.c")]
    copies = SMALL_COPIES if "-Os" in flags else COPIES
    expected = expected_loops(output_of([*command, "-E", "-P"]), copies)
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "vectoriser")
        # equal functions (of leaky_relu and prelu) would be merged into one
        options = ["-c", f"-o{folder}/o", "-fno-ipa-icf", f"-fdump-tree-vect-optimized={dump}", *extra]
        output_of([*command, *options])
        # with the vectoriser switched off there is no dump
        found = vectorised_loops(dump.read_text() if dump.exists() else "", width)
    expected.pop("copy_loop", None)  # gcc may call memcpy for it
    wrong = {
        function: f"{found.get(function, 0)} of {n} loops use {width}-byte vectors"
        for function, n in expected.items()
        if found.get(function, 0) < n
    }
    for functions in rows_of_the_table().values():
        for function in functions:
            if function not in expected:
                wrong[function] = "is missing, or has no loop that is marked RF_INDEPENDENT"
    return expected, wrong


def main(extra):
    """Print the table and what is missing; the exit status."""
    cc, rows, wrong = compiler(), rows_of_the_table(), {}
    isas = instruction_sets(cc)
    print(f"{'vectorised loops':<18}" + "".join(f"{name:>12}" for name in isas))
    table = dict.fromkeys(rows, "")
    for name, flags in isas.items():
        if name not in VECTOR_BYTES:
            sys.exit(f"{name}: add the width of its vectors to VECTOR_BYTES in {Path(__file__).name}")
        expected, missed = shortfalls(cc, name, flags, extra)
        wrong.update({f"{name}: {function}": what for function, what in missed.items()})
        for row, mine in rows.items():
            good = sum(expected[f] for f in mine if f not in missed)
            table[row] += f"{f'{good} of {sum(expected.get(f, 1) for f in mine)}':>12}"
    for row, cells in table.items():
        print(f"{row:<18}{cells}")
    sys.stdout.flush()
    for function, what in wrong.items():
        print(f"{function} {what}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
