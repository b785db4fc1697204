"""Colors that every figure shares, safe for color-blind readers.

Blue, orange, green, purple and vermillion are Okabe and Ito's (Color Universal Design,
https://jfly.uni-koeln.de/color/, 2008), darkened where text or thin lines on white need a
contrast of 4.5 to 1 or more.
Figures are written for a light page; `DARK_FOR_LIGHT` says what a dark page puts instead.
"""

INK = "#1f2933"
MUTED = "#52606d"
GRID = "#e4e7eb"
BLUE = "#0065a3"
VERMILLION = "#c04a00"
GREEN = "#007a5a"
PURPLE = "#a8326e"
GRAY = "#6b6b6b"
SKY_FILL = "rgba(0, 101, 163, 0.13)"

#: In the order in which a figure with several series takes them.
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, GRAY)

DARK_FOR_LIGHT = {
    INK: "#e4e7eb",
    MUTED: "#a7b1bc",
    GRID: "#323a44",
    BLUE: "#5bb8f0",
    VERMILLION: "#ff9a4d",
    GREEN: "#3ecf9f",
    PURPLE: "#f090c0",
    GRAY: "#a9a9a9",
    SKY_FILL: "rgba(91, 184, 240, 0.2)",
}
