from ._compare import compare_samplers as compare_samplers
from ._comparison import SamplerComparison as SamplerComparison
