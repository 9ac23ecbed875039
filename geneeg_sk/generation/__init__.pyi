from ._generator import LatentDiffusionGenerator as LatentDiffusionGenerator
from ._protocol import WindowGenerator as WindowGenerator
