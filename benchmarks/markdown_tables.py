"""Tables of the pages that benchmarks write."""


def markdown_table(head, rows):
    """A table in Markdown, with a line break at its end."""
    cells = [head, *rows]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"
