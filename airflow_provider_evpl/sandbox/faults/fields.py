"""Changes that several faults make to a JSON object."""

from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["set_fields", "unset_fields"]

_Object: TypeAlias = dict[str, Any]


def set_fields(**fields: object) -> Callable[[_Object], _Object]:
    """Set fields of an object."""
    return lambda one: {**one, **fields}


def unset_fields(*names: str) -> Callable[[_Object], _Object]:
    """Remove fields of an object."""
    return lambda one: {name: value for name, value in one.items() if name not in names}
