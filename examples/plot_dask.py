"""
On a cluster
============

A comparison is many fits that know nothing of each other. joblib gives them to the workers of a
cluster of dask as it gives them to the cores of one machine, and the table is the same.
"""

# %%
# A cluster
# ---------
# Here, two workers are started on this machine, each in a process of its own. Elsewhere they are
# there already, and ``Client("tcp://address:8786")`` is all. One thread for each worker: a process
# has only one random stream of torch.

import tempfile

import joblib
import matplotlib.pyplot as plt
from distributed import Client
from distributed.deploy.subprocess import SubprocessCluster
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import EEGFeatures, FourierSurrogateSampler, compare_samplers, make_eeg_cohort
from geneeg_sk.datasets import WindowRows, read_windows, write_windows
from geneeg_sk.inspection import BenchmarkDisplay

cluster = SubprocessCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
client = Client(cluster)

# %%
# Windows go by name
# ------------------
# Windows are written once, to a folder that all workers see. ``WindowRows`` then travel as the name
# of the file and the numbers of rows. An array would be sent to every worker.

folder = tempfile.TemporaryDirectory()
write_windows(f"{folder.name}/windows", make_eeg_cohort(n_patients=4, sfreq=64, random_state=0))
windows = read_windows(f"{folder.name}/windows")
X = WindowRows(windows.X)
print(X)

# %%
# The same table
# --------------
# All that changes is the line with ``parallel_config``. Fits of a worker that dies go to others.
# With ``store=``, a file of finished rows would outlive this process and the scheduler, too.


def compare():
    """Compare two ways of augmentation, fold by fold."""
    model = make_pipeline(
        EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression(max_iter=500)
    )
    candidates = {"none": None, "surrogates": FourierSurrogateSampler()}
    return compare_samplers(
        candidates, model, X, windows.y, windows.groups, cv=4, n_repeats=1, random_state=0
    )


with joblib.parallel_config("dask"):
    on_cluster = compare()
in_one_process = compare()

columns = ["candidate", "fold", "macro_f1", "macro_auc"]
print("same table:", on_cluster.results[columns].equals(in_one_process.results[columns]))
print(on_cluster.results[columns].round(3).to_string(index=False))

figure, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
BenchmarkDisplay.from_comparison(on_cluster, ax=ax)
plt.show()

client.close()
cluster.close()
folder.cleanup()
