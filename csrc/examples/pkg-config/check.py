"""Sends rows through relu_pipe in pieces of odd sizes: python check.py path/to/relu_pipe."""

import array
import random
import subprocess
import sys
import tempfile
from subprocess import PIPE

UNITS, ROWS = 24, 20_000
DEAD = {2: -30.0, 17: -40.0}  # their biases; rows are within [-8, 8]


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, expected {wanted!r}")


def pipe(program, *args, rows=b"", piece=1 << 16):
    """Exit status, standard output and standard error of the program at the end of a pipe."""
    with tempfile.TemporaryFile() as source:
        source.write(rows)
        source.seek(0)
        feeder = subprocess.Popen(["dd", f"bs={piece}"], stdin=source, stdout=PIPE, stderr=subprocess.DEVNULL)
        fed = subprocess.run([program, *args], stdin=feeder.stdout, capture_output=True)
        feeder.stdout.close()
        feeder.wait()
    return fed.returncode, fed.stdout, fed.stderr.decode()


program = sys.argv[1]
random.seed(1)
bias = array.array("f", [DEAD.get(u, 0.25) for u in range(UNITS)])
z = array.array("f", [random.randrange(-64, 65) / 8 for _ in range(UNITS * ROWS)])  # exact, and so are sums
y = array.array("f", [max(v + bias[i % UNITS], 0.0) for i, v in enumerate(z)])
with tempfile.NamedTemporaryFile() as file:
    bias.tofile(file)
    file.flush()
    for piece in (1 << 16, 4099):  # rows in one piece and torn apart
        status, out, err = pipe(program, str(UNITS), file.name, rows=z.tobytes(), piece=piece)
        expect("exit status", status, 0)
        expect("rows", out == y.tobytes(), True)
        table = [f"{u}\t{max(z[u::UNITS]) + bias[u]:g}\t0" for u in DEAD]
        first = f"# {len(DEAD)} of {UNITS} units never fired in {ROWS} rows"
        expect("table of dead units", err.splitlines(), [first, "unit\tlargest\tnonfinite", *table])
    expect("a torn row", pipe(program, str(UNITS), rows=z.tobytes()[:-4])[0], 1)
    expect("a bias too short", pipe(program, str(UNITS + 1), file.name)[0], 1)
expect("no units", pipe(program, "0")[0], 2)
print(f"{ROWS} rows, {len(DEAD)} dead units")
