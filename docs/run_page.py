"""Run the snippets of a page, and write what they print and draw into it.

    python docs/run_page.py docs/your_own_data.md

A block ``python`` is run, in order, in one namespace; what it prints is put into the block ``text``
behind it. What it saves goes into ``images/`` beside the page.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL
)


def run(page: str) -> str:
    """Return the page with what its snippets print now; files are saved where we are."""
    namespace: dict = {}

    def with_output(match: re.Match) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(match["code"], "snippet", "exec"), namespace)
        lines = "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
        code = f"```python\n{match['code']}```\n"
        return f"{code}\n```text\n{lines}```\n" if lines else code

    return BLOCK.sub(with_output, page)


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    os.environ["GENEEG_DATA"] = str(Path(os.environ.get("GENEEG_DATA", "../shared/data")).resolve())
    images = path.parent / "images"
    images.mkdir(exist_ok=True)
    os.chdir(images)
    path.write_text(run(path.read_text(encoding="utf-8")), encoding="utf-8")
