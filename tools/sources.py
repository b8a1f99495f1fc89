"""What of the sources belongs together: the definitions that a definition uses, read from the code without running it.

A definition is what stands at the top of a module: a function, a class or a constant. It uses another one if it names
it, be it of its own module or imported.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.stmt


@dataclass(frozen=True)
class Place:
    """A definition: the module that it is in, and its name there."""

    module: str
    name: str


@dataclass(eq=False)
class Module:
    """One module, as it is written."""

    name: str
    path: Path
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """The module's syntax."""
        return ast.parse(self.path.read_bytes(), str(self.path))

    @cached_property
    def definitions(self) -> dict[str, list[Definition]]:
        """What it defines, by name, in the order of the file."""
        found: dict[str, list[Definition]] = {}
        for statement in self.tree.body:
            for name in _names(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """What it imports, by the name that it has here: the module, and the name there (empty for a module)."""
        found: dict[str, tuple[str, str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.asname: (alias.name, "") for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                found |= {a.asname or a.name: (self._origin(node), a.name) for a in node.names}
        return found

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        base = self.name.split(".")
        base = base[: len(base) - node.level + self.is_package]
        return ".".join([*base, *([node.module] if node.module else [])])


@dataclass(eq=False)
class Sources:
    """All modules of some packages."""

    root: Path
    packages: tuple[str, ...]
    _uses: dict[Place, tuple[Place, ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """The modules by name."""
        found = {}
        for package in self.packages:
            for path in sorted((self.root / package).rglob("*.py")):
                parts = list(path.relative_to(self.root).with_suffix("").parts)
                is_package = parts[-1] == "__init__"
                name = ".".join(parts[:-1] if is_package else parts)
                found[name] = Module(name, path, is_package)
        return found

    def statements(self, place: Place) -> list[Definition]:
        """Return the statements that define something; none if it is not of these packages."""
        module = self.modules.get(place.module)
        return module.definitions.get(place.name, []) if module else []

    def reach(self, *starts: Place) -> Iterator[Place]:
        """Yield these definitions and all that they use, and that those use in turn; each once, the nearest first."""
        seen = dict.fromkeys(place for place in starts if self.statements(place))
        waiting = list(seen)
        while waiting:
            place = waiting.pop(0)
            yield place
            for used in self.uses(place):
                if used not in seen:
                    seen[used] = None
                    waiting.append(used)

    def uses(self, place: Place) -> tuple[Place, ...]:
        """Return the definitions that a definition names, in the order in which it names them."""
        if place not in self._uses:
            nodes = [node for statement in self.statements(place) for node in ast.walk(statement)]
            named = (self.named(place.module, node) for node in nodes)
            self._uses[place] = tuple(dict.fromkeys(one for one in named if one))
        return self._uses[place]

    def named(self, module: str, node: ast.AST) -> Place | None:
        """Return the definition that a name, an attribute of a module or a parameter (a fixture) stands for."""
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                return self._resolve(module, name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                origin, of_origin = self.modules[module].imports.get(name, ("", ""))
                return self._found(".".join(part for part in (origin, of_origin) if part), attribute)
        return None

    def _resolve(self, module: str, name: str) -> Place | None:
        if name in self.modules[module].definitions:
            return Place(module, name)
        return self._found(*self.modules[module].imports.get(name, ("", "")))

    def _found(self, module: str, name: str) -> Place | None:
        if module not in self.modules:
            return None
        if name in self.modules[module].definitions:
            return Place(module, name)
        origin = self.modules[module].imports.get(name)
        return self._found(*origin) if origin and origin != (module, name) else None


def _names(statement: ast.stmt) -> Iterable[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
