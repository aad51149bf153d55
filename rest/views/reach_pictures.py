"""A matrix as a table for spreadsheets and as a picture. Nothing in it is loaded from elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from xml.sax.saxutils import escape, quoteattr

from app.core.reach import Cell, Matrix

PICTURE_CELLS = 10_000
CELL, ROW = 66, 24  # width and height, in pixels
LETTER = 6.4  # width of one, about
SHOWN = 9  # letters in a cell
STYLE = """
text{font:11px system-ui,sans-serif;fill:#4b5563}.t{font-weight:600;font-size:14px;fill:#111827}
rect{fill:#eef0f4}.y{fill:#d8ede0}.a{fill:#9fd3b3}.p{stroke:#b45309;stroke-dasharray:3 2}
.w{text-anchor:middle;fill:#14532d}
.b{fill:#fff}.r{text-anchor:end}
@media(prefers-color-scheme:dark){text{fill:#9ca3af}.t{fill:#f3f4f6}rect{fill:#1f2937}.y{fill:#14532d}.a{fill:#15803d}
.w{fill:#dcfce7}.b{fill:#111827}}
""".strip()


def words(cell: Cell) -> str:
    return cell if isinstance(cell, str) else ", ".join(cell)


def table(matrix: Matrix) -> bytes:
    """CSV (RFC 4180): the columns' names in the first line, the row's name first in each other."""
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(("from \\ to", *matrix.cols))
    lines.writerows((row, *map(words, cells)) for row, cells in zip(matrix.rows, matrix.cells, strict=True))
    return text.getvalue().encode()


def picture(matrix: Matrix, title: str) -> bytes:
    """SVG: green where something passes, darker where everything does, with a broken line where not all may. Each cell
    tells the rest when pointed at."""
    left = round(max((len(row) for row in matrix.rows), default=0) * LETTER) + 24
    slant = max((len(col) for col in matrix.cols), default=0) * LETTER * 0.72
    top = round(slant) + 56
    width, height = left + CELL * len(matrix.cols) + round(slant) + 16, top + ROW * len(matrix.rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}"><title>{escape(title)}</title><style>{escape(STYLE)}</style>'
        f'<rect class="b" width="{width}" height="{height}"/><text class="t" x="12" y="24">{escape(title)}</text>',
        *_columns(matrix, left, top),
        *_rows(matrix, left, top),
        "</svg>\n",
    ]
    return "\n".join(parts).encode()


def _columns(matrix: Matrix, left: int, top: int) -> Iterator[str]:
    for n, col in enumerate(matrix.cols):
        x, y = left + CELL * n + CELL // 2, top - 6
        yield f'<text x="{x}" y="{y}" transform="rotate(-45 {x} {y})">{escape(col)}</text>'


def _rows(matrix: Matrix, left: int, top: int) -> Iterator[str]:
    for r, (row, cells) in enumerate(zip(matrix.rows, matrix.cells, strict=True)):
        y = top + ROW * r
        yield f'<text class="r" x="{left - 8}" y="{y + 16}">{escape(row)}</text>'
        for c, cell in enumerate(cells):
            partial = (r, c) in matrix.partial
            yield _cell(left + CELL * c, y, cell, partial, f"{row} → {matrix.cols[c]}: {_said(cell, partial)}")


def _said(cell: Cell, partial: bool) -> str:
    said = {"-": "nothing", "*": "everything"}.get(words(cell), words(cell))
    return f"{said} (some of them)" if partial else said


def _cell(x: int, y: int, cell: Cell, partial: bool, told: str) -> str:
    look = {"-": "", "*": "a"}.get(words(cell), "y") + (" p" if partial else "")
    shape = (
        f'<rect class={quoteattr(look.strip() or "n")} x="{x}" y="{y}" width="{CELL - 3}" height="{ROW - 3}" rx="3">'
    )
    text = "all" if cell == "*" else "" if cell == "-" else _short(cell)
    label = f'<text class="w" x="{x + CELL // 2 - 1}" y="{y + 15}">{escape(text)}</text>' if text else ""
    return f"{shape}<title>{escape(told)}</title></rect>{label}"


def _short(cell: Cell) -> str:
    """The first word, and that there are more."""
    first = cell[0] if len(cell) == 1 else f"{cell[0]} +{len(cell) - 1}"
    return first if len(first) <= SHOWN + 2 else first[:SHOWN] + "…"
