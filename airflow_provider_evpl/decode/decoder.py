"""Reads a response of the report: the fast way first, and the careful way if something is irregular.

Both ways give the same page. Only the careful one can reject a sample and keep its raw JSON.
"""

from collections.abc import Callable

from airflow_provider_evpl.decode.careful import join_names, read_carefully
from airflow_provider_evpl.decode.fast import FastReader
from airflow_provider_evpl.decode.limits import MAX_REJECTIONS
from airflow_provider_evpl.decode.values import Timestamps
from airflow_provider_evpl.models import Page

__all__ = ["PageDecoder"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class PageDecoder:
    """Reads responses of the report.

    Args:
        naive_timestamps: `reject` a timestamp without a zone, or read it as `utc`.
        max_rejections: of a page.
        holds_secret: whether a secret is in names. Their entry is rejected, because names land unchanged.
    """

    def __init__(
        self,
        *,
        naive_timestamps: str = "reject",
        max_rejections: int = MAX_REJECTIONS,
        holds_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._max_rejections = max_rejections
        self._holds_secret = holds_secret
        self._timestamps = Timestamps(naive_is_utc=naive_timestamps == "utc")
        self._fast = FastReader(self._timestamps)

    def decode(self, body: bytes) -> Page:
        """Read the body of one response. A byte order mark is ignored.

        Raises:
            EvplUnavailableError: it is not JSON, or it is cut off. Another request may help.
            EvplResponseError: it is not a report. `entries` or `hasNext` is missing or of the wrong type; it
                holds more than can be kept; it is broken outside of its entries; or a `timeStamp` is in no
                place where samples are.
        """
        text = body.removeprefix(_BYTE_ORDER_MARK).strip()
        page = self._fast.read(text)
        if page and not self._holds_secret(join_names(entry.series for entry in page.entries)):
            return page
        return read_carefully(text, self._timestamps, self._max_rejections, self._holds_secret)
