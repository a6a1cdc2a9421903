"""`python single_file.py [FILE]`: the package as one file, to be put beside a job.

The modules follow each other as they need each other; what they import of each other is dropped,
for it is then in the same file.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from typing import Dict, List, Set

PACKAGE = "carbon_hook"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)
# What the file offers: the package's own words, and the command line.
FIRST, LAST = "__init__", "cli"
OWN_IMPORT = re.compile(rf"^from {PACKAGE}\.(\w+) import (\([^)]*\)|.*)$", re.M)
ENDING = '\n\nif __name__ == "__main__":\n    main()\n'


def text_of(module: str) -> str:
    """The source of a module."""
    with open(os.path.join(FOLDER, f"{module}.py"), encoding="utf-8") as file:
        return file.read()


def in_order(module: str, found: List[str]) -> List[str]:
    """The modules that one needs, before itself."""
    if module not in found:
        for needed in OWN_IMPORT.finditer(text_of(module)):
            in_order(needed[1], found)
        found.append(module)
    return found


def one_file() -> str:
    """All of them. Raises ValueError where two modules use one name for two things."""
    modules = in_order(LAST, in_order(FIRST, []))
    modules.remove(FIRST)
    owners: Dict[str, str] = {}
    parts: List[str] = []
    imports: Set[str] = set()
    for module in modules:
        tree = ast.parse(text_of(module))
        lines = text_of(module).split("\n")
        for node in tree.body:
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node, (ast.Import, ast.ImportFrom)) or is_text:
                if not is_text:
                    kept = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                    if not OWN_IMPORT.match(kept) and "__future__" not in kept:
                        imports.add(kept)
                for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                    lines[number] = ""
                continue
            for name in _names(node):
                if owners.setdefault(name, module) != module:
                    raise ValueError(f"{name} is in {owners[name]} and in {module}")
        parts.append(f"# {module}\n\n" + "\n".join(lines).strip("\n"))
    opening = ast.parse(text_of(FIRST))
    words = ast.get_docstring(opening, clean=False)
    version = next(line for line in text_of(FIRST).split("\n") if line.startswith("__version__"))
    head = f'"""{words}"""\n\nfrom __future__ import annotations\n\n'
    return head + "\n".join(sorted(imports)) + f"\n\n{version}\n\n" + "\n\n\n".join(parts) + ENDING


def _names(node: ast.stmt) -> List[str]:
    """What a statement at the top names; overloads name one thing several times."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join("dist", f"{PACKAGE}.py")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(one_file())
