"""What a task's result must be."""

import json
from typing import Any

RESULT_KEYS = {
    *("code_ope", "granularity", "window_start", "window_end", "received", "rows", "duplicates"),
    *("out_of_window", "rejected", "conflicts", "null_values", "series", "expected", "observed", "values"),
    *("pages", "requests", "retries", "bytes", "seconds", "revisions", "slice_count", "slices"),
}
SLICE_KEYS = {"start", "end", "path", "rows", "bytes", "replaced", "rejected_path"}


def check_result(result: dict[str, Any]) -> None:
    """Compare a result of a run without odd samples with the contract."""
    assert result.keys() == RESULT_KEYS
    assert json.loads(json.dumps(result)) == result
    set_aside = sum(result[name] for name in ("duplicates", "out_of_window", "rejected"))
    assert result["received"] == result["rows"] + set_aside
    assert result["retries"] == result["requests"] - result["pages"]
    assert len(result["slices"]) == result["slice_count"]
    assert all(one.keys() == SLICE_KEYS for one in result["slices"])
    assert sum(one["rows"] for one in result["slices"]) == result["rows"]
    assert result["observed"] == result["values"] == result["expected"] == result["rows"]
