"""How templates are filled in."""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def environment() -> Environment:
    """A name that a template does not get is an error. Only HTML is escaped: Markdown has no such escapes."""
    found = Environment(
        loader=PackageLoader("aggregator.page"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["percent"] = percent
    return found


def percent(share: float | None, digits: int = 1) -> str:
    """`62.5` of 0.625; empty where there is none."""
    return "" if share is None else f"{100 * share:.{digits}f}"
