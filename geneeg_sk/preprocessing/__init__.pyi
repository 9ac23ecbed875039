from ._artifacts import ArtifactRepairer as ArtifactRepairer
from ._background import BackgroundScaler as BackgroundScaler
from ._channels import ChannelPicker as ChannelPicker
from ._channels import Rereferencer as Rereferencer
from ._filters import BandpassFilter as BandpassFilter
from ._filters import NotchFilter as NotchFilter
from ._resample import Resampler as Resampler
from ._scaling import WindowScaler as WindowScaler
