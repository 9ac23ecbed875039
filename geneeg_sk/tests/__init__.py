"""A small set of tests that is installed with the package: ``pytest --pyargs geneeg_sk.tests``."""
