from libc.stdint cimport int64_t

cimport numpy as cnp

from ._core cimport rf_shape

cdef void *data_of(cnp.ndarray a) noexcept
cdef int dtype_of(cnp.ndarray a) noexcept
cdef bint is_real(cnp.ndarray a)
cdef cnp.ndarray floats(object x, str name)
cdef int refuse_masked(object x, str name) except -1
cdef int checked_axis(object unit_axis, cnp.ndarray a, str name) except -1
cdef tuple shape_of(cnp.ndarray a)
cdef bint same_shape(cnp.ndarray a, cnp.ndarray b) noexcept
cdef bint share_memory(cnp.ndarray a, cnp.ndarray b) except -1
cdef cnp.ndarray checked_output(object out, cnp.ndarray like, str like_name)
cdef int check_overlap(cnp.ndarray out, cnp.ndarray source, str name) except -1
cdef int check_apart(cnp.ndarray out, str out_name, cnp.ndarray other, str name) except -1
cdef cnp.ndarray apart_from(cnp.ndarray a, cnp.ndarray out)
cdef bint as_blocks(cnp.ndarray a, int axis, rf_shape *shape, ptrdiff_t *step) noexcept
cdef bint is_plain(cnp.ndarray a) noexcept
cdef tuple in_memory_order(cnp.ndarray a, int axis)
cdef cnp.ndarray blocked(cnp.ndarray a, list order, int axis, bint copy_contents)
cdef int64_t examples_in(cnp.ndarray a, int axis) noexcept
