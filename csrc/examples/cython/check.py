"""Runs firing.relu_and_count on four rows of three units."""

from array import array

import firing

z = memoryview(array("f", [-1, 0, 2, 3, -4, 5, -6, -7, 8, 9, -1, -2])).cast("B").cast("f", (4, 3))
active = array("q", [0, 0, 100])
firing.relu_and_count(z, array("f", [0.5, 0.0, -1.0]), active)
assert z.tolist() == [[0, 0, 1], [3.5, 0, 4], [0, 0, 7], [9.5, 0, 0]], z.tolist()
assert active.tolist() == [2, 0, 103], active
message = ""
try:
    firing.relu_and_count(z, array("f", [1.0]), active)
except ValueError as error:
    message = str(error)
assert message == "1 biases and 3 counts for 3 columns", message
print("unit 1 is dead")
