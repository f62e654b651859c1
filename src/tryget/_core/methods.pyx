# SPDX-License-Identifier: Apache-2.0
"""Methods that the interpreter calls the quick way."""

cdef extern from *:
    """
    static int tg_is_method(PyObject *method) { return Py_IS_TYPE(method, &PyMethodDescr_Type); }

    static PyObject *tg_method_of(PyTypeObject *kind, PyObject *method) {
        return PyDescr_NewMethod(kind, ((PyMethodDescrObject *)method)->d_method);
    }
    """
    bint is_method "tg_is_method"(object method)
    object method_of "tg_method_of"(type_t *kind, object method)


def own_methods(kind):
    """Gives a class methods of its own in place of those that it inherits from the extension.

    The interpreter's quick way to call a method is for objects of the very class that it is a
    method of: 5 ns of 22 for a `get` of a value that was read before."""
    for base in kind.__mro__[1:]:
        if not issubclass(base, Handle):
            continue
        for name, method in list(base.__dict__.items()):
            if is_method(method) and name[0] != "_" and name not in kind.__dict__:
                setattr(kind, name, method_of(<type_t *>kind, method))
