"""The commented config file, made from the settings tree: every setting, its meaning, its default.

python -m observatory.example > observatory.example.toml
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ingest.sources import registry
from observatory.settings import SECTIONS, ContractSettings, HostSettings, Settings, SiteSettings

_HEAD = """\
The settings of the observatory. Every line is optional: a commented one shows the default, or an
example where there is none. Relative paths start at the folder of this file.

Each setting may also come from the environment, which goes first:
OBSERVATORY_SECTION__KEY, for instance OBSERVATORY_PATHS__LANDING=/data/landing
or OBSERVATORY_SOURCES__SLURM__PATH=/exports/slurm.
Secrets belong there, or in a file that a setting ending in _file names."""
_SOURCES = """\
Sources: one table per source. Several instances of one are tables of their own, such as
[sources.focus.aws] and [sources.focus.gcp]; what stands in [sources.focus] then holds for both."""
_SITES = "On-premise sites. A run whose region is the site's name uses it."
_WIDTH = 98


def example() -> str:
    """The text of observatory.example.toml."""
    lines = [*_comment(_HEAD), ""]
    for name in SECTIONS:
        if name in ("sites", "contracts", "sources"):
            continue
        model = Settings.model_fields[name].annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)  # noqa: S101
        lines += [*_comment(_summary(model)), f"[{name}]", *_fields(model, name), ""]
    lines += [*_comment(_SOURCES), ""]
    for name, source in registry().items():
        lines += [*_comment(_summary(source)), f"# [sources.{name}]"]
        lines += [*_fields(source.Settings, f"sources.{name}"), ""]
    lines += [*_comment(_SITES), "# [sites.NAME]", *_fields(SiteSettings, "sites.NAME"), ""]
    lines += [*_comment(_summary(HostSettings)), "# [sites.NAME.hosts.TYPE]"]
    lines += [*_fields(HostSettings, "sites.NAME.hosts.TYPE"), ""]
    lines += [*_comment(_summary(ContractSettings)), "# [contracts.NAME]"]
    lines += _fields(ContractSettings, "contracts.NAME")
    return "\n".join(lines) + "\n"


def _summary(thing: Any) -> str:
    return (thing.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")


def _comment(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield "#"
        for line in textwrap.wrap(paragraph, _WIDTH):
            yield f"# {line}"


def _fields(model: type[BaseModel], section: str) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        if not _is_table(field):
            value = _value(name, field, section)
            lines += [*_comment(field.description or ""), f"# {name} = {value}"]
        elif field.examples:
            lines += [*_comment(field.description or ""), f"# [{section}.{name}]"]
            lines += [f"#   {key} = {_toml(value)}" for key, value in field.examples[0].items()]
    return lines


def _value(name: str, field: FieldInfo, section: str) -> str:
    if field.examples:
        return _toml(field.examples[0])
    default = field.get_default(call_default_factory=True)
    if default is not None and default is not PydanticUndefined and default != ():
        return _toml(default)
    if name == "path":
        return _toml(f"/exports/{section.rpartition('.')[-1]}")
    if name.endswith("_file"):
        return _toml(f"/run/secrets/{name.removesuffix('_file')}")
    kinds = {*_flat(field.annotation)}
    if float in kinds or int in kinds:
        return "1" if int in kinds else "1.0"
    if SecretStr in kinds:
        return '["…"]' if default == () else '"…"'
    return '""'


def _flat(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _flat(part)


def _is_table(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is dict


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


if __name__ == "__main__":
    sys.stdout.write(example())
