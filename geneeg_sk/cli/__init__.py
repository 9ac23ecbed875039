"""The command line: ``geneeg-sk COMMAND``, a module a command.

Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

from ._app import app, clear_errors
from ._benchmark import benchmark
from ._detect import detect
from ._doctor import doctor
from ._fit import fit
from ._quiz import quiz
from ._report import report
from ._sample import sample
from ._windows import windows

for _command in (windows, fit, sample, benchmark, report, detect, quiz, doctor):
    app.command()(clear_errors(_command))

__all__ = ["app"]
