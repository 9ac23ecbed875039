from ._fill_gap import FillGap as FillGap
from ._geneeg import GenEEGSampler as GenEEGSampler
from ._rows import augment_rows as augment_rows
from ._surrogate import FourierSurrogateSampler as FourierSurrogateSampler
from ._windowed import WindowedSampler as WindowedSampler
