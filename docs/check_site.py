"""Check a built site: every link leads somewhere, and nothing is loaded from elsewhere.

python docs/check_site.py out/docs
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a link is only followed by a person.
LOADS = {"script", "img", "iframe", "source", "video", "audio", "embed", "object", "input", "track"}
LOADING_RELS = {"stylesheet", "preload", "prefetch", "icon", "modulepreload", "preconnect"}
IN_STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """Anchors of a page, what it links to, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        rels = set((attrs.get("rel") or "").split())
        loads = tag in LOADS or (tag == "link" and rels & LOADING_RELS)
        for key in ("href", "src", "data", "poster"):
            if attrs.get(key) and tag != "form" and (key != "data" or tag == "object"):
                (self.loads if loads else self.links).append(attrs[key])
        self.loads += loaded_by_styles(attrs.get("style") or "")


def loaded_by_styles(text):
    """Return the addresses that a style sheet loads."""
    return ["".join(match) for match in IN_STYLES.findall(text)]


def is_elsewhere(address):
    """Say whether an address is of another server."""
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https", "ftp", "ws")


def problems(site):
    """Yield a sentence for each broken link, and each thing that is loaded from elsewhere."""
    site = Path(site).resolve()

    @cache
    def page(path):
        return Page(path.read_text(encoding="utf-8"))

    pages = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    if not pages:
        yield f"there is no page in {site}"
    for path in pages:
        name = path.relative_to(site)
        for address in page(path).loads:
            if is_elsewhere(address):
                yield f"{name} loads {address}"
        for address in [*page(path).links, *page(path).loads]:
            parts = urlsplit(address)
            if parts.scheme or is_elsewhere(address):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name} links to {address}, which does not exist"
            elif not target.is_relative_to(site):
                yield f"{name} links to {address}, which is outside the site"
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in page(target).anchors
            ):
                yield f"{name} links to {address}: no such place on that page"
    for path in sorted(site.rglob("*.css")):
        for address in loaded_by_styles(path.read_text(encoding="utf-8")):
            if is_elsewhere(address):
                yield f"{path.relative_to(site)} loads {address}"


if __name__ == "__main__":
    found = list(problems(sys.argv[1]))
    print("\n".join(found) or f"{sys.argv[1]}: every link leads somewhere, nothing from elsewhere")
    sys.exit(bool(found))
