"""The tables of a page as a reader has them: by caption or name, heads and rows as text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Table:
    """`classes[r][c]` are those of the cell whose text is `rows[r][c]`."""

    name: str = ""
    rows: list[list[str]] = field(default_factory=list)
    classes: list[list[str]] = field(default_factory=list)

    def row(self, head: str) -> list[str]:
        """The cells of the row that begins so, without its head."""
        return next(row[1:] for row in self.rows if row[0] == head)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._group = ""
        self._within: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        match tag:
            case "div":
                self._group = known.get("aria-label") or ""
            case "table":
                self.tables.append(Table(self._group))
            case "caption":
                self._within, self.tables[-1].name = tag, ""
            case "tr":
                self.tables[-1].rows.append([])
                self.tables[-1].classes.append([])
            case "td" | "th":
                self._within = tag
                self.tables[-1].rows[-1].append("")
                self.tables[-1].classes[-1].append(known.get("class") or "")
            case "small" if self._within:
                self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = None

    def handle_data(self, data: str) -> None:
        if self._within == "caption":
            self.tables[-1].name += data
        elif self._within:
            self.tables[-1].rows[-1][-1] += data


def read_tables(html: str) -> dict[str, Table]:
    """Caption, or the name of the group around it -> table."""
    reader = _Reader()
    reader.feed(html)
    return {table.name: table for table in reader.tables}
