"""Pictures and one report."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "_benchmark": ["BenchmarkDisplay"],
        "_embedding": ["EmbeddingDisplay"],
        "_event_timeline": ["EventTimelineDisplay"],
        "_features": ["FeaturesDisplay"],
        "_history": ["HistoryDisplay"],
        "_quiz": ["make_quiz", "read_quiz_key"],
        "_ratio": ["RatioDisplay"],
        "_report": ["make_report"],
        "_spectra": ["SpectraDisplay"],
        "_timeline": ["TimelineDisplay"],
        "_topomap": ["TopomapDisplay"],
        "_traces": ["TracesDisplay"],
    },
)
