"""YAML documents that remember where every value stands.

One reader for mappings and settings: parses with ruamel.yaml, keeps line and column of every key and item, and
turns pydantic's validation errors into located problems, all of a document's at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from foundation.errors import ConfigurationError, Location, Problem, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[str | int, ...]  # ``("records", 0, "fields", "birth_date")``


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML file: plain data, and the place of each of its parts."""

    file: Path
    data: dict[str, Any]
    places: Mapping[Path_, tuple[int, int]] = field(repr=False)  # (line, column), both from 1

    def location(self, path: Sequence[str | int] = ()) -> Location:
        """Return where ``path`` stands; the nearest enclosing place when it is absent itself."""
        parts = tuple(path)
        while parts not in self.places and parts:
            parts = parts[:-1]
        line, column = self.places.get(parts, (1, 1))
        return Location(file=self.file, line=line, column=column)

    def problem(self, path: Sequence[str | int], message: str, remedy: str | None = None) -> Problem:
        """Return a located problem about the value at ``path``."""
        return Problem(message=message, location=self.location(path), path=dotted(path) or None, remedy=remedy)

    def validate(self, model: type[Model]) -> Model:
        """Return the document as ``model``.

        Raises:
            ConfigurationError: with every problem found, each located; an unknown key names the nearest valid one.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise ConfigurationError(
                [self.problem_of(detail, model) for detail in error.errors(include_url=False)]
            ) from None

    def problem_of(self, detail: Any, model: type[BaseModel]) -> Problem:
        """Return one entry of pydantic's ``ValidationError.errors()`` as a located problem."""
        path = tuple(part for part in detail["loc"])
        while path and path not in self.places and path[:-1] not in self.places:
            path = path[:-1]  # pydantic appends the tag of a union's branch, which the file does not hold
        if detail["type"] == "extra_forbidden":
            name = str(detail["loc"][-1])
            return self.problem(path, f"unknown key '{name}'", did_you_mean(name, _keys_at(model, path[:-1])))
        if detail["type"] == "missing":
            return self.problem(path, f"'{detail['loc'][-1]}' is missing", "add it")
        message = str(detail["msg"])
        return self.problem(path, message[:1].lower() + message[1:].removeprefix("Value error, "))


def load(file: Path) -> Document:
    """Read a YAML file of which the top is a mapping.

    Raises:
        ConfigurationError: the file is missing, is not UTF-8, is not YAML, repeats a key, or its top is no mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            Problem(message="the file does not exist", location=Location(file=file), remedy="check the name")
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            Problem(
                message=f"byte {error.start} is not UTF-8",
                location=Location(file=file),
                remedy="save the file as UTF-8",
            )
        ) from None
    return parse(text, file)


def parse(text: str, file: Path) -> Document:
    """Parse YAML text as ``load`` does; ``file`` is only named in errors."""
    yaml = YAML(typ="rt", pure=True)
    try:
        tree = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigurationError(
            Problem(
                message=f"not valid YAML: {error.problem}",
                location=Location(
                    file=file, line=mark.line + 1 if mark else None, column=mark.column + 1 if mark else None
                ),
                remedy="check the indentation, quotes and repeated keys here",
            )
        ) from None
    except YAMLError as error:
        raise ConfigurationError(Problem(message=f"not valid YAML: {error}", location=Location(file=file))) from None
    if tree is None:
        tree = CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigurationError(
            Problem(
                message="the top of the document must be a mapping (key: value)",
                location=Location(file=file, line=1, column=1),
            )
        )
    places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
    document = Document(file=file, data=_plain(tree, (), places), places=places)
    if unquoted := [*_keys_not_text(tree, ())]:
        raise ConfigurationError(
            document.problem(path, f"YAML reads this key as {key} ({kind}), not as text", "write it in quotes")
            for path, key, kind in unquoted
        )
    return document


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people do: ``records[0].fields.birth_date``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _plain(node: Any, path: Path_, places: dict[Path_, tuple[int, int]]) -> Any:
    """Return the node as dict, list and scalar, noting the place of every part on the way."""
    if isinstance(node, CommentedMap):
        plain: dict[str, Any] = {}
        for key, value in node.items():
            line, column = node.lc.key(key)
            places[(*path, str(key))] = (line + 1, column + 1)
            plain[str(key)] = _plain(value, (*path, str(key)), places)
        return plain
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            places[(*path, index)] = (line + 1, column + 1)
            items.append(_plain(value, (*path, index), places))
        return items
    return _scalar(node)


def _keys_not_text(node: Any, path: Path_) -> Iterator[tuple[Path_, str, str]]:
    """Yield every key that YAML takes for something else: ``01`` would become 1, ``no`` might become false."""
    if isinstance(node, CommentedMap):
        for key, value in node.items():
            below = (*path, str(key))
            if not isinstance(key, str):
                yield below, str(key), type(_scalar(key)).__name__.replace("NoneType", "null")
            yield from _keys_not_text(value, below)
    elif isinstance(node, CommentedSeq):
        for index, value in enumerate(node):
            yield from _keys_not_text(value, (*path, index))


def _scalar(node: Any) -> Any:
    """Strip ruamel's round-trip subclasses down to the plain Python scalar."""
    if isinstance(node, bool) or node is None:
        return node
    for plain in (int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node


def _keys_at(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the valid keys of the model that stands at ``path``; of the outermost when it cannot be followed."""
    current: type[BaseModel] = model
    for part in path:
        if isinstance(part, int):
            continue
        info = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        inner = _model_in(info.annotation) if info else None
        if inner is None:
            break
        current = inner
    return [f.alias or name for name, f in current.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
