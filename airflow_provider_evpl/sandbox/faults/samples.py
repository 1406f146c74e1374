"""Faults in single samples: their value, their timestamp, their type; `places` says in which."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.fields import set_fields, unset_fields

__all__ = ["SAMPLE_FAULTS"]

_Samples: TypeAlias = list[Any]
_OTHER_DIGITS: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_ONE_EAST: Final = timezone(timedelta(hours=1))


def _fault(name: str, description: str, change: Callable[[dict[str, Any]], Any]) -> Fault[_Samples]:
    return Fault(name, description, lambda samples: [change(one) for one in samples])


def _value(name: str, description: str, change: Callable[[str], object]) -> Fault[_Samples]:
    """Change only text, because another fault may have replaced it."""

    def apply(sample: dict[str, Any]) -> dict[str, Any]:
        value = sample["value"]
        return {**sample, "value": change(value)} if isinstance(value, str) else sample

    return _fault(f"value-{name}", f"a value is {description}", apply)


def _constant(value: object) -> Callable[[str], object]:
    return lambda _: value


def _timestamp(name: str, description: str, change: Callable[[str], object]) -> Fault[_Samples]:
    return _fault(
        f"timestamp-{name}",
        f"a timeStamp is {description}",
        lambda sample: {**sample, "timeStamp": change(sample["timeStamp"])},
    )


def _move_east(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(_ONE_EAST).isoformat(timespec="milliseconds")


def _beside(value: object) -> Callable[[_Samples], _Samples]:
    return lambda samples: [*samples, *({**one, "value": value} for one in samples)]


SAMPLE_FAULTS: Final[tuple[Fault[_Samples], ...]] = (
    Fault("sample-repeated", "a sample is repeated", lambda samples: samples * 2),
    Fault("sample-conflict", "a sample is repeated with the value 100.01", _beside("100.01")),
    Fault("sample-beside-null", "a sample is repeated with the value null", _beside(None)),
    _value("number", "a JSON number", float),
    _value("blanks", "text with blanks around it", lambda text: f" {text} "),
    _value("exponent", "text with an exponent: 3276e-2", lambda text: f"{text.replace('.', '')}e-2"),
    _value("null", "null", _constant(None)),
    _value("empty", "empty text", _constant("")),
    _value("blank", "a single blank", _constant(" ")),
    _value("nan", "the text NaN", _constant("NaN")),
    _value("bare-nan", "a bare NaN, which is not JSON", _constant(float("nan"))),
    _value("infinity", "the text Infinity", _constant("Infinity")),
    _value("huge", "the text 1e999", _constant("1e999")),
    _value("huge-number", "a JSON number of 400 digits", _constant(10**399)),
    _value("not-available", "the text N/A", _constant("N/A")),
    _value("comma", "text with a decimal comma", lambda text: text.replace(".", ",")),
    _value("percent", "text with a blank and %", lambda text: f"{text} %"),
    _value("underscore", "text with an underscore: 1_32.76", lambda text: f"1_{text}"),
    _value("other-digits", "text in Arabic digits", lambda text: text.translate(_OTHER_DIGITS)),
    _value("negative", "below 0: -3.50", _constant("-3.50")),
    _value("above-hundred", "above 100: 250.00", _constant("250.00")),
    _value("true", "true", _constant(value=True)),
    _value("list", "a list", lambda text: [text]),
    _value("object", "an object", lambda text: {"value": text}),
    _timestamp("offset", "the same moment, one hour east: +01:00", _move_east),
    _timestamp(
        "nine-zeros", "written with nine decimals, all 0", lambda text: text.replace(".000", ".000000000")
    ),
    _timestamp(
        "nanosecond",
        "written with nine decimals, the last one 1",
        lambda text: text.replace(".000", ".000000001"),
    ),
    _timestamp("whole-second", "written without decimals", lambda text: text.replace(".000", "")),
    _timestamp("off-grid", "17 seconds after the step", lambda text: text.replace(":00.000", ":17.000")),
    _timestamp("comma", "written with a decimal comma", lambda text: text.replace(".", ",")),
    _timestamp("naive", "without a zone", lambda text: text.removesuffix("Z")),
    _timestamp("blank", "written with a blank instead of the T", lambda text: text.replace("T", " ")),
    _timestamp("not-iso", "22/11/2026 03:00, which is not ISO 8601", _constant("22/11/2026 03:00")),
    _timestamp("impossible", "the 30th of February", _constant("2026-02-30T03:00:00.000Z")),
    _timestamp("number", "a number of seconds", _constant(1_795_316_400)),
    _timestamp("null", "null", _constant(None)),
    _fault("sample-field-unknown", "a sample has the field quality", set_fields(quality="good")),
    _fault(
        "sample-context",
        "a sample has the field context, as in ETSI's SOL003",
        set_fields(context=[{"key": "tier", "value": "gold"}]),
    ),
    _fault("value-missing", "a sample has no value", unset_fields("value")),
    _fault("timestamp-missing", "a sample has no timeStamp", unset_fields("timeStamp")),
    _fault("sample-null", "a sample is null", lambda _: None),
    _fault("sample-text", "a sample is a text", str),
)
