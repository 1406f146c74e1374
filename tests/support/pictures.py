"""Small pictures for the docs."""

import struct
import zlib
from base64 import b64decode, b64encode

import numpy as np
from playwright.sync_api import Page

__all__ = ["with_few_colors"]

_PIXELS = """async data => {
    const blob = new Blob([Uint8Array.from(atob(data), one => one.charCodeAt(0))]);
    const image = await createImageBitmap(blob);
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data: bytes } = context.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let i = 0; i < bytes.length; i += 9999) text += String.fromCharCode(...bytes.subarray(i, i + 9999));
    return [image.width, btoa(text)];
}"""


def with_few_colors(page: Page, picture: bytes) -> bytes:
    """Return a PNG picture with 32 levels for each color, which takes half of the bytes.

    Args:
        page: of a browser that decodes the picture; the page does not change.
        picture: PNG.
    """
    width, pixels = page.evaluate(_PIXELS, b64encode(picture).decode())
    colors = np.frombuffer(b64decode(pixels), np.uint8).reshape(-1, width, 4)[:, :, :3]
    rows = np.rint(np.rint(colors / 255 * 31) * 255 / 31).astype(np.uint8).reshape(len(colors), -1)
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    lines = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
