"""Plain NumPy: what an answer to an open-ended question may be written in.

Any good answer earns the points of such a question, so the best result is known beforehand. An answer that
could reach the measurement would not have to be good. So all that it may use is listed here: nothing that reads
or writes files, looks into objects, changes a library, or keeps something from one call to the next.
"""

import ast
import math
from contextlib import suppress
from inspect import getsource, isfunction
from textwrap import dedent
from types import NoneType

import numpy as np

from course_lib.grading.definitions import UNREADABLE, binds, needed, plain, reads, uses

EXPRESSIONS = """
    BoolOp NamedExpr BinOp UnaryOp Lambda IfExp Dict Set ListComp SetComp DictComp GeneratorExp Yield YieldFrom
    Compare Call FormattedValue JoinedStr Constant Attribute Subscript Starred Name List Tuple Slice
    arguments arg keyword comprehension expr_context operator boolop unaryop cmpop
"""
STATEMENTS = """
    FunctionDef Return Assign AugAssign AnnAssign For While If Expr Pass Break Continue Raise Try ExceptHandler Assert
    Delete Nonlocal
"""
LASTING = """
    Assign AugAssign AnnAssign Constant Tuple UnaryOp BinOp Name Attribute Subscript expr_context operator unaryop
"""
HARMLESS = """
    abs all any bool complex dict divmod enumerate filter float frozenset int isinstance iter len list map max min next
    pow print range repr reversed round set slice sorted str sum tuple zip ArithmeticError AssertionError Exception
    FloatingPointError IndexError KeyError NotImplementedError OverflowError RuntimeError StopIteration TypeError
    ValueError ZeroDivisionError
"""
LISTED = """
    linalg newaxis inf nan pi e eps finfo iinfo bool_ int8 int16 int32 int64 intp uint8 uint64 float32 float64
    complex128 integer floating number
    all any allclose amax amin append apply_along_axis arange argmax argmin argpartition argsort argwhere array
    array_equal array_split asarray atleast_1d atleast_2d atleast_3d average block broadcast_arrays broadcast_to
    column_stack concatenate convolve copy copyto corrcoef count_nonzero cov cumprod cumsum diag diag_indices diagflat
    diagonal diff digitize dot dsplit ediff1d einsum expand_dims eye fill_diagonal flatnonzero flip fliplr flipud full
    full_like geomspace gradient histogram hsplit hstack identity imag in1d indices inner insert interp isclose isin
    isreal isscalar ix_ kron lexsort linspace logspace max mean median meshgrid min moveaxis nan_to_num nanargmax
    nanargmin nanmax nanmean nanmin nanstd nansum nanvar ndim nonzero ones ones_like outer partition percentile
    piecewise place polyfit polyval prod ptp put putmask quantile ravel real repeat reshape roll rollaxis roots rot90
    round searchsorted select shape size sort split squeeze stack std sum swapaxes take take_along_axis tensordot tile
    trace transpose trapezoid tri tril tril_indices triu triu_indices unique unravel_index vander var vdot vectorize
    vsplit vstack where zeros zeros_like
    T astype choose clip compress conj dtype fill flat flatten item nbytes itemsize tolist reduce accumulate at
    clear count extend index pop remove reverse add discard get items keys values setdefault update
    bit_length is_integer join lower upper split strip startswith endswith replace
"""  # without np.empty and what resembles it: they show what others left in memory
UFUNCS = {name for name, thing in vars(np).items() if isinstance(thing, np.ufunc)}
ATTRIBUTES = {*LISTED.split(), *np.linalg.__all__, *UFUNCS, *(n for n in dir(math) if not n.startswith("_"))}
MODULES = {"numpy": np, "numpy.linalg": np.linalg, "math": math}
IMPORTED = [*MODULES.values(), *(vars(m)[name] for m in MODULES.values() for name in ATTRIBUTES & vars(m).keys())]

CONSTANT = (int, float, complex, str, tuple, NoneType)


def objection(question, program, known=()):
    """What an answer to an open-ended question uses that it may not, as a sentence; empty if nothing.

    Parameters
    ----------
    question : Question
        Its `plain` names attributes that may be used besides.
    program : list of str
        All statements that define the answer.
    known : collection of str
        Names that are defined elsewhere and may be used.

    Returns
    -------
    str
    """
    allowed = ATTRIBUTES | {*question.plain}
    try:
        statements = [statement for part in program for statement in ast.parse(part).body]
        faults = [fault for statement in statements for fault in _faults(statement, allowed)]
        free = reads("\n".join(program)) - set().union(*map(binds, program)) - {*known, *HARMLESS.split()}
        magic = any(plain(part).strip() != part.strip() for part in program)  # it would run otherwise
    except UNREADABLE as error:
        return f"{type(error).__name__}: {getattr(error, 'msg', error)}"
    faults += [f"`{name}`" for name in sorted(free)]
    faults += ["magic"] * magic
    also = " and ".join(["plain NumPy", *filter(None, [", ".join(question.plain)])])
    return f"this question is open-ended, so its answer may use {also} only: no {faults[0]}" if faults else ""


def found(question, function):
    """The same of a function that exists, and of those that it calls, as far as their source can be had."""
    if question.plain is None or not isfunction(function):
        return ""
    space, program, seen = function.__globals__, [], [function]
    for thing in seen:  # it grows
        with suppress(OSError, TypeError):
            source = dedent(getsource(thing))
            program += (taken := needed([source], binds(source)))
            called = [space.get(name) for name in sorted(set().union(*map(uses, taken)))]
            seen += [f for f in called if isfunction(f) and f.__module__ == thing.__module__ and f not in seen]
    known = {*map(id, IMPORTED), *map(id, seen)}
    return objection(question, program, [n for n, t in space.items() if isinstance(t, CONSTANT) or id(t) in known])


def _faults(statement, allowed):
    """What one statement outside of functions holds that is not plain."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from _imports(statement, allowed)
        return
    yield from _lasting(statement)
    for node in ast.walk(statement):
        if not isinstance(node, _nodes(EXPRESSIONS + STATEMENTS)):
            yield f"`{_keyword(node)}`"
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield f"change of `.{node.attr}`"
        elif isinstance(node, ast.Attribute) and node.attr not in allowed:
            yield f"`.{node.attr}`"
        elif isinstance(node, ast.keyword) and node.arg in (None, "where"):  # `where` leaves memory as it was
            yield f"`{node.arg or '**'}` in a call"
        elif getattr(node, "decorator_list", ()):
            yield "decorator"


def _imports(statement, allowed):
    """Modules, and what is taken from them."""
    if isinstance(statement, ast.Import):
        yield from (f"`import {a.name}`" for a in statement.names if a.name not in MODULES)
    elif statement.level or statement.module not in MODULES:
        yield f"`from {'.' * statement.level}{statement.module or ''} import`"
    else:
        yield from (f"`import {a.name}`" for a in statement.names if a.name not in allowed)


def _lasting(statement):
    """What stands outside of functions lasts from one call to the next: nothing in it may be changeable."""
    function = statement.value if isinstance(statement, ast.Assign) else statement
    if isinstance(function, (ast.FunctionDef, ast.Lambda)):
        notes = [note for note in ast.walk(function.args) if isinstance(note, ast.arg)]
        lasting = [*function.args.defaults, *function.args.kw_defaults, *(note.annotation for note in notes)]
        lasting += [getattr(function, "returns", None), *getattr(statement, "targets", ())]
    else:
        lasting = [statement]
    for node in (node for part in lasting if part for node in ast.walk(part)):
        if not isinstance(node, _nodes(LASTING)):
            yield f"`{_keyword(node)}` outside of a function"


def _keyword(node):
    """A statement or expression as the student knows it: its first line, or the word that it is called by."""
    return ast.unparse(node).strip().partition("\n")[0][:40] or type(node).__name__


def _nodes(names):
    return tuple(getattr(ast, name) for name in names.split())
