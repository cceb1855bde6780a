"""The report as files in a folder."""

from collections.abc import Mapping
from pathlib import Path

from aggregator.figures.pictures import NAMES, Picture, draw
from aggregator.findings.report import Report
from aggregator.outcomes.table import as_csv
from aggregator.output.latex import as_latex
from aggregator.output.out_folder import write_file
from aggregator.output.parquet import as_parquet
from aggregator.page.render import DRAWN, html, markdown

_PAGE = "report.html"


def write_report(report: Report, folder: Path, *, figures: bool) -> list[Path]:
    """Write every file into `folder`, which is made. Raises BadInput when it cannot be written."""
    is_older_report = (folder / _PAGE).is_file()
    written = [write_file(folder / name, data) for name, data in contents(report, folder, figures=figures).items()]
    if is_older_report:  # its figures would be taken for this one's
        for path in {folder / f"{name}.{ending}" for name in NAMES for ending in ("png", "svg")}.difference(written):
            path.unlink(missing_ok=True)
    return written


def contents(report: Report, folder: Path, *, figures: bool) -> Mapping[str, bytes]:
    """File name -> bytes. The heatmap is always a file of its own; with `figures` so is all else that is drawn.

    `folder` is where the page will lie: it links the logs of a store that is a folder too.
    """
    pictures = draw(report, NAMES if figures else ("heatmap", *DRAWN))
    shown = pictures if figures else {"heatmap": pictures["heatmap"]}
    return {
        **_picture_files(shown),
        "results.csv": as_csv(report.table).encode(),
        "results.parquet": as_parquet(report.table),
        "results.tex": as_latex(report).encode(),
        "results.md": markdown(report).encode(),
        _PAGE: html(report, pictures, folder).encode(),
    }


def _picture_files(pictures: Mapping[str, Picture]) -> dict[str, bytes]:
    png = {f"{name}.png": picture.png for name, picture in pictures.items()}
    return png | {f"{name}.svg": picture.svg for name, picture in pictures.items()}
