"""Import statements of a configuration: what each brings, by its full name, or why it may not stand there."""

from __future__ import annotations

import ast

from smart_nets.zoo.lint.allowed.names import IMPORTS
from smart_nets.zoo.lint.allowed.own import is_own
from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import Text
from smart_nets.zoo.lint.syntax import import_of

MOVE = "do it in a function of smart_nets and import that"
LIST_IT = "list it in smart_nets/zoo/lint/allowed if it is harmless"


def import_faults(text: Text, package: Package) -> tuple[dict[str, str], list[Fault]]:
    """The names that an entry of `imports` brings, each with its full name, and the faults of the entry."""
    node = import_of(text)
    if node is None:
        return {}, [text.fault("is no import statement", "such as $import os")]
    if len(node.names) > 1 or len(ast.parse(text[1:]).body) > 1:
        return {}, [text.fault("imports more than one name", "one", remedy="MONAI takes the first only")]
    statement = ast.unparse(node)
    if statement in IMPORTS:
        return {name: name for name in IMPORTS[statement]}, []
    module = getattr(node, "module", None) or ""
    if not module.startswith("smart_nets.") or (isinstance(node, ast.ImportFrom) and node.level):
        expected = "smart_nets, or one of: " + ", ".join(IMPORTS)
        return {}, [text.fault("imports what a configuration must not", expected, remedy=MOVE)]
    name = node.names[0]
    full = f"{module}.{name.name}"
    brought = {name.name: full}
    if name.asname is not None:  # another name could be that of something harmless
        return brought, [text.fault("imports under another name", "its own", remedy="leave out the `as`")]
    remedy = package.missing(full)
    if remedy is not None:
        return brought, [text.fault("imports what does not exist", remedy=remedy)]
    if not is_own(full):
        return brought, [
            text.fault("imports what a configuration must not", "what is listed of smart_nets", remedy=LIST_IT)
        ]
    return brought, []
