# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text: bars and curves, on logarithmic scales."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = (
    *("#1b6ca8", "#d1495b", "#3a7d44", "#e09f3e", "#6d597a"),
    *("#2a9d8f", "#8d5524", "#555b6e", "#b5179e", "#7f7f7f"),
)
OURS, OTHERS = "#1b6ca8", "#b8c0c8"
_BAR, _LABEL, _VALUE = 22, 150, 150
_WIDTH = 860
_HEIGHT = 300


def bars(entries: Sequence[tuple[str, float, str, str, bool]]) -> str:
    """(name, value, text, a remark, whether it is ours), one below the other."""
    values = [entry[1] for entry in entries if entry[1] > 0] or [1.0]
    low, high = min(values) / 1.6, max(values)
    span = math.log(high / low) or 1.0
    room = _WIDTH - _LABEL - _VALUE
    lines = []
    for number, (name, value, text, remark, ours) in enumerate(entries):
        y = number * _BAR
        length = room * math.log(max(value, low) / low) / span
        colour = OURS if ours else OTHERS
        weight = ' font-weight="600"' if ours else ""
        lines.append(
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end"{weight}>{escape(name)}</text>'
            f'<rect x="{_LABEL}" y="{y + 3}" width="{length:.1f}" height="{_BAR - 6}" rx="2" '
            f'fill="{colour}"><title>{escape(remark)}</title></rect>'
            f'<text x="{_LABEL + length + 6:.1f}" y="{y + 15}"{weight}>{escape(text)}</text>'
        )
    return _svg(_WIDTH, len(entries) * _BAR + 4, "".join(lines))


def curves(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    x_ticks: Sequence[tuple[float, str]],
    y_text: Callable[[float], str],
) -> str:
    """(name, points), both axes logarithmic; names stand at the ends."""
    points = [point for _, line in series for point in line if point[1] > 0]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_low, y_high = min(y for _, y in points) / 1.3, max(y for _, y in points) * 1.3
    frame = _Frame(x_low, x_high, y_low, y_high)
    parts = [_grid(frame, x_ticks, y_text)]
    ends: list[float] = []
    for number, (name, line) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        placed = [frame.place(x, y) for x, y in line if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        x, y = placed[-1]
        label = _apart(y, ends)
        ends.append(label)
        parts.append(
            f'<text x="{x + 8:.1f}" y="{label + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return _svg(_WIDTH, _HEIGHT, "".join(parts))


@dataclass(frozen=True)
class _Frame:
    """Where values lie in a plot."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: int = 80
    width: int = _WIDTH - 80 - 200
    height: int = _HEIGHT - 44

    def place(self, x: float, y: float) -> tuple[float, float]:
        """In pixels."""
        across = math.log(x / self.x_low) / (math.log(self.x_high / self.x_low) or 1.0)
        up = math.log(y / self.y_low) / (math.log(self.y_high / self.y_low) or 1.0)
        return self.left + across * self.width, 10 + self.height - up * self.height

    def steps(self) -> list[float]:
        """1, 2, 5, 10, or the powers of ten only."""
        first, last = math.floor(math.log10(self.y_low)), math.ceil(math.log10(self.y_high))
        factors = (1, 2, 5) if self.y_high / self.y_low <= 300 else (1,)
        values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        return [value for value in values if self.y_low <= value <= self.y_high]


def _apart(y: float, taken: Sequence[float]) -> float:
    """The nearest height at which a label meets no other."""
    for step in range(40):
        for candidate in (y - step * 4, y + step * 4):
            if all(abs(candidate - other) >= 14 for other in taken):
                return candidate
    return y


def _grid(
    frame: _Frame, x_ticks: Sequence[tuple[float, str]], y_text: Callable[[float], str]
) -> str:
    parts = []
    left, right, foot = frame.left, frame.left + frame.width, 10 + frame.height
    for value in frame.steps():
        _, y = frame.place(frame.x_low, value)
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e7ea"/>'
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(y_text(value))}</text>'
        )
    for value, text in x_ticks:
        x, _ = frame.place(value, frame.y_low)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="10" y2="{foot}" stroke="#e4e7ea"/>'
            f'<text x="{x:.1f}" y="{foot + 18}" text-anchor="middle">{escape(text)}</text>'
        )
    return "".join(parts)


def _svg(width: int, height: int, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'font-size="12" font-family="system-ui, sans-serif" fill="#222">{body}</svg>'
    )
