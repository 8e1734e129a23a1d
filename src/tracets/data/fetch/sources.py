"""Where data sets come from, on what terms, and whom to cite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A data set of others.

    `url` is where its files lie, ending in a slash; `licence` what its authors say about use; `citation` what to cite.
    """

    name: str
    title: str
    url: str
    licence: str
    citation: str

    def terms(self) -> str:
        """Licence and citation in two lines."""
        return f"{self.title}. Licence: {self.licence}\nPlease cite: {self.citation}"


SOURCES = {
    source.name: source
    for source in (
        Source(
            "noaa",
            "NOAA Storm Events and GHCN hourly",
            "https://www.ncei.noaa.gov/",
            "Storm Events is a work of the United States government, in the public domain there; GHCNh is CC0 1.0. "
            "What was changed may not be passed off as NOAA's own, nor NOAA's consent be implied. Stations abroad come "
            "from sources with terms of their own (source list of GHCNh).",
            "NOAA National Centers for Environmental Information, Storm Events Database; M. J. Menne, S. Noone, N. W. "
            "Casey, R. H. Dunn, S. McNeill, D. Kantor, P. W. Thorne, K. Orcutt, S. Cunningham, N. Risavi, Global "
            "Historical Climatology Network-Hourly (GHCNh), NOAA National Centers for Environmental Information, 2023, "
            "doi:10.25921/jp3d-3v19; with the stations, the years and the date of access.",
        ),
        Source(
            "time-mmd",
            "Time-MMD",
            "https://raw.githubusercontent.com/AdityaLab/Time-MMD/main/",
            "its repository states none: use it to evaluate, and ask its authors before you pass on it or what was "
            "trained on it.",
            "H. Liu et al., Time-MMD: Multi-Domain Multimodal Dataset for Time Series Analysis, NeurIPS Datasets and "
            "Benchmarks 2024, arXiv:2406.08627.",
        ),
        Source(
            "ett",
            "Electricity Transformer Temperature (ETT)",
            "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/",
            "CC BY-ND 4.0: use and change it, but pass on the original alone, with its authors' names.",
            "H. Zhou et al., Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting, AAAI "
            "2021, arXiv:2012.07436.",
        ),
        Source(
            "ptb-xl",
            "PTB-XL 1.0.3",
            "https://physionet.org/files/ptb-xl/1.0.3/",
            "CC BY 4.0.",
            "P. Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Scientific Data 7:154, "
            "2020, doi:10.1038/s41597-020-0495-6; version 1.0.3, PhysioNet, 2022, doi:10.13026/kfzx-aw45; A. "
            "Goldberger et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101(23), 2000.",
        ),
        Source(
            "uea",
            "UCR and UEA time series classification archives",
            "https://timeseriesclassification.com/aeon-toolkit/",
            "each data set has its own: see its page on timeseriesclassification.com, or its record on Zenodo.",
            "A. Bagnall et al., The UEA multivariate time series classification archive, 2018, arXiv:1811.00075; H. A. "
            "Dau et al., The UCR Time Series Archive, 2019, arXiv:1810.07758; and the authors of the data set.",
        ),
    )
}
