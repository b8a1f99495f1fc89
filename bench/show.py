"""Prints figures as plain tables."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

Cell = str | float | int
Row = Sequence[Cell]


def show(title: str, columns: Sequence[str], rows: Iterable[Row], note: str = "") -> None:
    """Print a table; the first column is text, the others are figures. Floats are cut to what can be meant."""
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left", box=box.SIMPLE)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    Console(highlight=False, width=120).print(table)


def ratio(figure: float, base: float) -> str:
    """Return ``1.8 x``; a dash where there is nothing to compare with."""
    return f"{figure / base:.2f} x" if base else "-"


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.3f}" if cell < 10 else f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
