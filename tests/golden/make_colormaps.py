"""Writes src/plot/colormaps.txt: 256 colours of each colour map, as matplotlib has them (matplotlib 3.11).

    python tests/golden/make_colormaps.py
"""
import pathlib

import matplotlib

NAMES = (
    "viridis plasma inferno magma cividis turbo gray Blues Greens YlGn YlGnBu YlOrRd "
    "RdBu RdYlBu RdYlGn BrBG PuOr coolwarm"
).split()
HEAD = """\
# Colour maps: a name, and 256 colours as hexadecimal RGB. Made by tests/golden/make_colormaps.py.
# viridis, plasma, inferno, magma, cividis: CC0. turbo: Google, Apache-2.0. coolwarm: K. Moreland, public domain.
# The others but gray: ColorBrewer (C. Brewer, Pennsylvania State University), Apache-2.0.
"""


def main():
    path = pathlib.Path(__file__).parents[2] / "src/plot/colormaps.txt"
    lines = []
    for name in NAMES:
        colours = matplotlib.colormaps[name](range(256), bytes=True)[:, :3]
        lines.append(f"{name} {colours.tobytes().hex()}\n")
    path.write_text(HEAD + "".join(lines))


main()
