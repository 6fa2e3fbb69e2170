# SPDX-License-Identifier: GPL-2.0
"""Plots of results as SVG, written by hand.

A figure with one n is horizontal bars, one a mode; with several it is a line
a mode over n, the number of others, both axes logarithmic (with a place for 0).
A mode *-sameport is the dashed line in the colour of its mode.
"""
import math
from xml.sax.saxutils import escape

import plan

COLOURS = {"plain-unpatched": "#999999", "plain": "#555555",
           "ctx": "#c1272d", "vrf": "#0b6e99", "netns": "#4d8b31",
           "rule": "#a05a00", "ipvs-dr": "#7b3fa0"}
WIDTH, LEFT, RIGHT = 760, 150, 140


def base(mode):
    return mode.removesuffix("-sameport")


def stroke(mode):
    dash = "" if base(mode) == mode else ' stroke-dasharray="6 4"'
    return f'stroke="{COLOURS[base(mode)]}" stroke-width="2"{dash}'


def text(x, y, what, anchor="start", size=13):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}">{escape(what)}</text>')


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def frame(name, unit, height, body):
    title = f"{name}: {plan.TITLES[name]} ({unit})"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(10, 22, title, size=15), *body, "</svg>", ""])


def bar_plot(name, rows):
    top = max(r["value"] for r in rows) or 1
    body = []
    for i, r in enumerate(rows):
        y = 40 + 28 * i
        size = max(r["value"], 0) / top * (WIDTH - LEFT - RIGHT)
        body += [text(LEFT - 8, y + 15, r["mode"], "end"),
                 f'<rect x="{LEFT}" y="{y}" width="{size:.1f}" height="20" '
                 f'fill="{COLOURS[base(r["mode"])]}"/>',
                 text(LEFT + size + 6, y + 15, number(r["value"]))]
    return frame(name, rows[0]["unit"], 50 + 28 * len(rows), body)


def line_plot(name, rows):
    height, bottom, head = 420, 370, 45
    sizes = sorted({r["n"] for r in rows})
    low = math.floor(math.log10(max(min(r["value"] for r in rows), 1)))
    high = math.ceil(math.log10(max(r["value"] for r in rows) + 1))

    # 0 is as far from the first decade as that from the next
    first = math.log10(min(n for n in sizes if n) if any(sizes) else 1) - 1
    last = math.log10(max(sizes[-1], 1))

    def x_of(n):
        where = math.log10(n) if n else first
        return LEFT + (where - first) / max(last - first, 1) * (
            WIDTH - LEFT - RIGHT)

    def y_of(value):
        return bottom - (math.log10(max(value, 1)) - low) / max(
            high - low, 1) * (bottom - head)

    body = [text((LEFT + WIDTH - RIGHT) / 2, height - 10,
                 "how many others exist", "middle")]
    for n in sizes:
        body.append(text(x_of(n), bottom + 20, f"{n:,}", "middle"))
    for exp in range(low, high + 1):
        y = y_of(10 ** exp)
        body += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" '
                 f'y2="{y:.1f}" stroke="#dddddd"/>',
                 text(LEFT - 8, y + 4, f"{10 ** exp:,}", "end")]
    ends = []
    for mode in plan.MODES:
        line = [(x_of(r["n"]), y_of(r["value"])) for r in rows
                if r["mode"] == mode]
        if not line:
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        body.append(f'<polyline points="{points}" fill="none" '
                    f'{stroke(mode)}/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" '
                 f'fill="{COLOURS[base(mode)]}"/>' for x, y in line]
        ends.append((line[-1][1], mode))
    # The legend, at the height of the line's end, without overlap.
    y = head - 20
    for end, mode in sorted(ends):
        y = max(y + 16, end)
        body += [f'<line x1="{WIDTH - RIGHT + 8}" y1="{y - 4:.1f}" '
                 f'x2="{WIDTH - RIGHT + 26}" y2="{y - 4:.1f}" '
                 f'{stroke(mode)}/>',
                 text(WIDTH - RIGHT + 30, y, mode, size=11)]
    return frame(name, rows[0]["unit"], height, body)


def write_all(results, out):
    """One file a figure; returns their names."""
    names = []
    for name in dict.fromkeys(r["name"] for r in results):
        rows = [r for r in results if r["name"] == name]
        plot = line_plot if len({r["n"] for r in rows}) > 1 else bar_plot
        names.append(f"{out}/{name}.svg")
        with open(names[-1], "w", encoding="utf-8") as f:
            f.write(plot(name, rows))
    return names
