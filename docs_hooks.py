"""MkDocs hooks: publish files outside `docs/` that pages link to, and refuse content from other hosts."""

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
        file.inclusion = InclusionLevel.NOT_IN_NAV  # a page of `nav` may be such a file
        files.append(file)
    files.append(File.generated(config, "contract-tests.md", content=write_table()))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Change links out of `docs/`, and links from such a file into `docs/`, to their path on the site."""
    return _LINK_OUT.sub("", markdown).replace("](docs/", "](")


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from another host, so that it works offline and tracks no reader.

    Raises:
        PluginError: a file would load something; the message names both.
    """
    for path in Path(config.site_dir).rglob("*"):
        found = _LOADED.search(path.read_text()) if path.suffix in {".html", ".css"} else None
        if found:
            raise PluginError(f"{path.name} loads {found[0]}. Remove it, or put the file under docs/.")
