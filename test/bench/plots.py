# SPDX-License-Identifier: Apache-2.0
"""Plots of the benchmark as SVG: wall, CPU and memory over the number of Pods, of ours, the limit and the peer. Axes are logarithmic."""

import math
import os

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 36, 44
COLORS = {"ours": "#1f6feb", "limit": "#57606a", "peer": "#bc4c00"}
NAMES = {"ours": "cloneset", "limit": "the limit", "peer": "OpenKruise"}
DASHES = {"create": "", "in place": "7 3", "recreate": "2 3", "to zero": "1 5"}


class Axes:
    def __init__(self, points):
        self.x = self._range([x for x, _ in points])
        self.y = self._range([y for _, y in points])

    @staticmethod
    def _range(values):
        low, high = math.log10(min(values)), math.log10(max(values))
        spare = max((high - low) * 0.06, 0.05)
        return low - spare, high + spare

    def at(self, x, y):
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return (LEFT + width * (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0]),
                TOP + height * (1 - (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0])))

    @staticmethod
    def ticks(low, high):
        steps = [factor * 10.0 ** power for power in range(math.floor(low), math.ceil(high) + 1) for factor in (1, 2, 5)]
        return [step for step in steps if low <= math.log10(step) <= high]


def text(x, y, words, anchor="start", size=11, color="#24292f"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}">{words}</text>'


def plot(title, unit, lines):
    """lines: {(who, what): [(x, y), …]}."""
    axes = Axes([point for line in lines.values() for point in line])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           text(LEFT, 22, title, size=14)]
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for x in axes.ticks(*axes.x):
        at = axes.at(x, 10 ** axes.y[0])[0]
        out += [f'<path d="M{at:.1f} {TOP}V{bottom}" stroke="#d0d7de"/>', text(at, bottom + 16, f"{x:,.0f}", "middle")]
    for y in axes.ticks(*axes.y):
        at = axes.at(10 ** axes.x[0], y)[1]
        out += [f'<path d="M{LEFT} {at:.1f}H{right}" stroke="#d0d7de"/>', text(LEFT - 6, at + 4, f"{y:g}", "end")]
    out += [text((LEFT + right) / 2, HEIGHT - 8, "Pods", "middle"), text(LEFT - 6, TOP - 8, unit, "end")]
    for row, ((who, what), line) in enumerate(sorted(lines.items())):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (axes.at(*point) for point in sorted(line)))
        style = f'fill="none" stroke="{COLORS[who]}" stroke-width="2" stroke-dasharray="{DASHES.get(what, "")}"'
        key = TOP + 10 + 18 * row
        out += [f'<path d="M{path}" {style}/>', f'<path d="M{right + 10} {key}h24" {style}/>',
                text(right + 40, key + 4, NAMES[who] + (f", {what}" if what else ""))]
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (*axes.at(*point), COLORS[who]) for point in line]
    return "\n".join(out + ["</svg>\n"])


def series(data, key, scale=1.0, steps=("create", "in place", "recreate")):
    """{(who, step): [(Pods, mean)]} of the lives of single sets without claims."""
    lines = {}
    for size, found in data.get("lives", {}).items():
        if not size.isdigit():
            continue
        for who, many in found.items():
            for step in steps:
                values = [life[step][key] for life in many if key in life.get(step, {})]
                if values:
                    lines.setdefault((who, step), []).append((int(size), max(sum(values) / len(values) * scale, 1e-3)))
    return lines


def draw(whole, folder):
    data = whole["data"]
    memory = {}  # whatever was being done
    for (who, _), line in series(data, "rss_anon_kb", 1 / 1024).items():
        most = dict(memory.get((who, ""), []))
        memory[who, ""] = [(pods, max(value, most.get(pods, 0))) for pods, value in line]
    for name, title, unit, lines in (
            ("wall", "Time until all Pods are as wanted", "s", series(data, "wall_s")),
            ("cpu", "CPU of the controller", "s", series(data, "cpu_s")),
            ("memory", "Memory of the controller (RssAnon), most", "MB", memory)):
        if lines and max(len(line) for line in lines.values()) > 1:
            with open(os.path.join(folder, f"performance-{name}.svg"), "w", encoding="utf-8") as file:
                file.write(plot(title, unit, lines))
