"""Formulas as MathML, which browsers draw themselves: no script, and none from elsewhere."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def setup(app):
    """Name the renderer, for `html_math_renderer`."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))


def inline(translator, node):
    """Write a formula in a line of text."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def block(translator, node):
    """Write a formula on a line of its own."""
    translator.body.append(f"<div>{tex2mathml(node.astext(), as_block=True)}</div>")
    raise nodes.SkipNode
