"""The one small configuration that tests of behavior share: a second of training at most."""

from tempfile import TemporaryDirectory

from geneeg_sk.generation import LatentDiffusionGenerator

TINY = LatentDiffusionGenerator(
    latent_channels=2, width=8, vae_steps=3, diffusion_steps=3, batch_size=8, random_state=0
)
# For `memory` of samplers in tests that ask for the same training many times.
CACHE = TemporaryDirectory(prefix="geneeg-sk-tests-")
