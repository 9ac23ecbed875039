"""A hash of what objects hold and do, that is the same in another process."""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
from joblib.hashing import Hasher, NumpyHasher

from geneeg_sk.datasets._rows import WindowRows


def content_hash(*objects: object) -> str:
    """Return a hash of data, parameters, fitted networks and the code of functions.

    `joblib.hash` knows functions by their names and tensors by where they lie: there, a changed
    scorer is the old one, and a generator that is loaded twice is two. Of functions, their own
    code counts, with defaults and what they enclose, and not that of functions which they call.

    Raises
    ------
    pickle.PicklingError, TypeError, AttributeError
        If something in them can be neither looked into nor pickled.

    Examples
    --------
    >>> content_hash(lambda x: x + 1) == content_hash(lambda x: x + 1)
    True
    >>> content_hash(lambda x: x + 1) == content_hash(lambda x: x + 2)
    False
    """
    return _ContentHasher().hash(objects)


class _ContentHasher(NumpyHasher):
    """Joblib's hasher, which also looks into functions and tensors."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._numbers: dict[int, int] = {}  # of functions, in the order of coming

    def save(self, obj: object) -> None:
        """Feed an object to the hash."""
        if isinstance(obj, WindowRows):
            self._save_rows(obj)
            return
        torch = sys.modules.get("torch")  # where it is not loaded, nothing is a tensor
        if torch is not None and isinstance(obj, torch.Tensor):
            obj = obj.detach().cpu().numpy()
        if isinstance(obj, np.ndarray):
            obj = np.asarray(obj, order="C")  # the same numbers, however they lie in memory
        elif isinstance(obj, MethodType):
            obj = (obj.__func__, obj.__self__)
        elif isinstance(obj, FunctionType):
            # A function that calls itself encloses itself.
            known = self._numbers.get(id(obj))
            obj = self._inside(obj) if known is None else ("function", known)
        super().save(obj)

    def _save_rows(self, rows: WindowRows) -> None:
        """Feed windows on disk, some at a time, as the array of them would be."""
        for _, block in rows.stored_blocks():
            self._hash.update(np.ascontiguousarray(block).view(np.uint8))
        strides = np.empty((1, *rows.shape[1:]), rows.dtype).strides
        Hasher.save(self, (np.ndarray, ("HASHED", rows.dtype, rows.shape, strides)))

    def _inside(self, function: FunctionType) -> tuple[object, ...]:
        self._numbers[id(function)] = len(self._numbers)
        enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
        defaults = (function.__defaults__, function.__kwdefaults__)
        return function.__qualname__, _code(function.__code__), defaults, enclosed


def _code(code: CodeType) -> tuple[object, ...]:
    """Return what a function does, without where it is written."""
    constants = [_code(c) if isinstance(c, CodeType) else _text(c) for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, constants


def _text(constant: object) -> str:
    # The order of a set of texts differs from process to process.
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
