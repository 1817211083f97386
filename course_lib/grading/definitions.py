"""What an answer needs of a student's other cells: helper functions, imports, constants; no experiment runs again."""

import ast
import symtable
from contextlib import suppress
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

DEFINES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom,
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Try, ast.If,
)  # fmt: skip
LOOPS = (*DEFINES, ast.For)  # a table may be filled by a loop; most loops are experiments
PYTHON_INSIDE = ("%%time", "%%timeit", "%%capture", "%%prun")
PATIENCE = 100_000  # lines times magics of a cell that is read: each magic is looked for anew
KNOWN = 10_000  # texts that are not read anew for each question
UNREADABLE = (SyntaxError, ValueError, RuntimeError, MemoryError)  # of a text that strangers wrote


def needed(sources, wanted, defines=DEFINES):
    """The statements that define names, and those that these need in turn, in their order.

    Parameters
    ----------
    sources : list of str
        Code cells. Those that do not parse define nothing.
    wanted : set of str
    defines : tuple of types
        What counts as a definition.

    Returns
    -------
    list of str
        One statement each; experiments, prints and pictures are none.
    """
    every = [(text, binds(text)) for source in sources for text in statements(source, defines)]
    taken, names = set(), {"*", *wanted}
    while more := {text for text, bound in every if text not in taken and names & bound}:
        taken |= more
        names |= set().union(*map(uses, more))
    return [text for text, _ in every if text in taken]


def uses(source):
    """Names that a cell reads from outside of itself or defines for itself, as far as it parses."""
    try:
        return reads(plain(source))
    except UNREADABLE:
        return set()


def reads(text):
    """The same of a text that is Python; an error where it is none."""
    return _global_names(symtable.symtable(text, "cell", "exec"))


def broken(source):
    """Whether a cell is no Python."""
    try:
        ast.parse(plain(source))
    except UNREADABLE:
        return True
    return False


@lru_cache(KNOWN)
def binds(source):
    """Names that a cell's statements define; ``*`` stands for an import of everything."""
    return {name for statement in _parsed(source) for name in _bound(statement)}


def plain(source):
    """The Python in a cell: magics become function calls; ValueError where there are more lines than patience."""
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        source = rest if first.split()[0] in PYTHON_INSIDE else ""
    lines = source.splitlines()
    if len(lines) * sum(line.lstrip().startswith(("%", "!", "?")) for line in lines) > PATIENCE:
        raise ValueError("too many magics in so many lines")
    return TransformerManager().transform_cell(source)


def _parsed(source):
    try:
        return ast.parse(plain(source)).body
    except UNREADABLE:
        return []


@lru_cache(KNOWN)
def statements(source, defines=DEFINES):
    """What a cell defines, one statement each, in order; no experiments, prints and pictures."""
    found = []
    for node in _parsed(source):
        with suppress(*UNREADABLE):
            found += [ast.unparse(node)] * isinstance(node, defines)
    return found


@lru_cache(KNOWN)
def helpers(source):
    """Of what a cell defines only functions, classes, imports and plain names: nothing that is there is changed."""
    return [s for s in statements(source) if all(map(_names_only, _parsed(s)))]


def _names_only(statement):
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)
    return isinstance(statement, named) and all(isinstance(t, ast.Name) for t in getattr(statement, "targets", ()))


def _bound(statement):
    """Names that one statement binds, or writes into; what its functions do inside is their own."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (ast.Try, ast.If)):
        for inner in ast.iter_child_nodes(statement):
            yield from _bound(inner)
    elif isinstance(statement, (ast.ExceptHandler, ast.For)):
        for inner in statement.body:
            yield from _bound(inner)
    elif isinstance(statement, DEFINES):
        for target in getattr(statement, "targets", None) or [statement.target]:
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _global_names(table):
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and _outside(table, s)}
    return names.union(*map(_global_names, table.get_children()))


def _outside(table, symbol):
    return symbol.is_global() or table.get_type() == "module"
