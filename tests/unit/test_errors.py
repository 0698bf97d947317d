"""The exceptions: a complete text, and a tree in the docstring that is the tree in the code."""

import inspect
import re

from penstock import errors


def test_an_error_says_what_where_and_what_to_do() -> None:
    """The text has three parts, each on a line of its own."""
    error = errors.DefinitionError(
        'no state is called "Procss"',
        at="import_file.asl.yaml  /States/Plan/Next",
        fix='did you mean "Process"?',
    )
    assert str(error) == (
        'no state is called "Procss"\n'
        "  at: import_file.asl.yaml  /States/Plan/Next\n"
        '  fix: did you mean "Process"?'
    )


def test_a_declaration_error_shows_every_problem() -> None:
    """All problems are shown at once, not the first."""
    first, second = errors.PenstockError("one", fix="mend one"), errors.PenstockError("two")
    text = str(errors.DeclarationError("2 problems", problems=[first, second]))
    assert text == "2 problems\n\none\n  fix: mend one\n\ntwo"


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    """Every exception is drawn, under its own base class."""
    drawn: dict[str, str] = {}
    parents: list[str] = []
    for line in (inspect.getdoc(errors) or "").splitlines():
        found = re.match(r"^\s*([│ ]*(?:[├└]── )?)([A-Z]\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found.group(1)) // 4
        drawn[found.group(2)] = parents[depth - 1] if depth else "Exception"
        parents[depth:] = [found.group(2)]
    coded = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert drawn == coded
