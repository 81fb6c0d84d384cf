"""Runs sparsity.active on three rows of two units."""

from array import array

import sparsity

rows = array("f", [1, -1, 0, -2, 3, -3])
assert sparsity.active(rows, 2) == [2, 0], sparsity.active(rows, 2)
message = ""
try:
    sparsity.active(rows, 4)
except ValueError as error:
    message = str(error)
assert message == "24 bytes are no rows of 4 float32", message
print("unit 1 is dead")
