"""What the site needs beyond MkDocs: files beside `docs/` that pages link to, and no foreign hosts."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

from tests.support.contract import write_table

ROOT = Path(__file__).parent
_LINK_OUT = re.compile(r"(?<=\]\()\.\./(?=([^)#]+))")
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//[^>]+"""
    r"""|<link(?![^>]+canonical)[^>]+href=["']?(?:https?:)?//[^>]+"""
    r"""|(?:url\(|@import\s)["']?(?:https?:)?//[^)]+"""
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each file of the repository that a page links to, at its own path."""
    texts = [file.content_string for file in files.documentation_pages()]
    for path in sorted({one[1] for text in texts for one in _LINK_OUT.finditer(text)}):
        file = File.generated(config, path, abs_src_path=str(ROOT / path))
        file.inclusion = InclusionLevel.NOT_IN_NAV  # it may be there, too
        files.append(file)
    files.append(File.generated(config, "contract-tests.md", content=write_table()))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Let those links lead there."""
    return _LINK_OUT.sub("", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from another host: it works offline, and tells nobody who reads it.

    Raises:
        PluginError: names the file, and what it would load.
    """
    for path in Path(config.site_dir).rglob("*"):
        found = _LOADED.search(path.read_text()) if path.suffix in {".html", ".css"} else None
        if found:
            raise PluginError(f"{path.name} loads {found[0]}")
