"""Colours. Meaning never rests on colour alone; chosen and rejected are blue and amber, apart for every kind of eye."""

from dataclasses import replace

from textual.theme import Theme

NO_COLOUR = "workbench-no-colour"
"""The theme in which weight, underlining and reversal alone tell things apart, as they do under NO_COLOR."""

VARIABLES_DARK = {
    "chosen": "#7cb7ff",
    "rejected": "#f0b35a",
    "positive": "#7cb7ff",
    "negative": "#f0b35a",
    "pooled": "#e58fd0",
    "special": "#8fc7b5",
    "cut": "#e0707a",
    "quiet": "#7d8794",
    "footer-key-foreground": "#7cb7ff",
    "footer-background": "#171b21",
    "block-cursor-foreground": "#0e1116",
    "block-cursor-background": "#7cb7ff",
    "block-cursor-text-style": "none",
    "block-cursor-blurred-background": "#2b333e",
    "border": "#7cb7ff",
    "border-blurred": "#2b333e",
    "scrollbar": "#2b333e",
    "scrollbar-background": "#12161c",
    "scrollbar-corner-color": "#12161c",
}
"""What the app's styles use beside Textual's own variables: `$chosen`, `$rejected`, `$quiet` and so on."""

VARIABLES_LIGHT = {
    "chosen": "#0b5cad",
    "rejected": "#9a5b00",
    "positive": "#0b5cad",
    "negative": "#9a5b00",
    "pooled": "#9b2d86",
    "special": "#1f6f5c",
    "cut": "#b3261e",
    "quiet": "#6b7480",
    "footer-key-foreground": "#0b5cad",
    "footer-background": "#e9ecef",
    "block-cursor-foreground": "#ffffff",
    "block-cursor-background": "#0b5cad",
    "block-cursor-text-style": "none",
    "block-cursor-blurred-background": "#d5dae0",
    "border": "#0b5cad",
    "border-blurred": "#d5dae0",
    "scrollbar": "#c3cad2",
    "scrollbar-background": "#eef0f3",
    "scrollbar-corner-color": "#eef0f3",
}

DARK = Theme(
    name="workbench-dark",
    primary="#7cb7ff",
    secondary="#5f7f9f",
    accent="#7cb7ff",
    foreground="#d6dbe1",
    background="#0e1116",
    surface="#12161c",
    panel="#171b21",
    success="#8fc7b5",
    warning="#f0b35a",
    error="#e0707a",
    dark=True,
    variables=VARIABLES_DARK,
)

LIGHT = Theme(
    name="workbench-light",
    primary="#0b5cad",
    secondary="#5f7f9f",
    accent="#0b5cad",
    foreground="#1d232a",
    background="#f8f9fb",
    surface="#f1f3f5",
    panel="#e9ecef",
    success="#1f6f5c",
    warning="#9a5b00",
    error="#b3261e",
    dark=False,
    variables=VARIABLES_LIGHT,
)

BLIND_DARK = replace(
    DARK,
    name="workbench-colour-blind-dark",
    primary="#56b4e9",
    accent="#56b4e9",
    success="#56b4e9",
    warning="#e69f00",
    error="#e8743b",
    variables=VARIABLES_DARK
    | {
        "chosen": "#56b4e9",
        "rejected": "#e69f00",
        "positive": "#56b4e9",
        "negative": "#e69f00",
        "pooled": "#f0e442",
        "special": "#00b894",
        "cut": "#e8743b",
    },
)

BLIND_LIGHT = replace(
    LIGHT,
    name="workbench-colour-blind-light",
    primary="#0072b2",
    accent="#0072b2",
    success="#0072b2",
    warning="#a35f00",
    error="#b34700",
    variables=VARIABLES_LIGHT
    | {
        "chosen": "#0072b2",
        "rejected": "#a35f00",
        "positive": "#0072b2",
        "negative": "#a35f00",
        "pooled": "#8a4f7d",
        "special": "#00735a",
        "cut": "#b34700",
    },
)
"""The hues of Okabe and Ito (https://jfly.uni-koeln.de/color/), darkened or lightened until they can be read."""

GREY = "#d6dbe1"

PLAIN = replace(
    DARK,
    name=NO_COLOUR,
    primary=GREY,
    secondary="#9aa3ad",
    accent=GREY,
    success=GREY,
    warning=GREY,
    error="#ffffff",
    variables=VARIABLES_DARK
    | dict.fromkeys(["chosen", "rejected", "positive", "negative", "pooled", "special", "cut"], GREY)
    | {
        "quiet": "#8b929b",
        "footer-key-foreground": "#ffffff",
        "border": GREY,
        "block-cursor-background": GREY,
        "block-cursor-text-style": "bold",
    },
)

THEMES = (DARK, LIGHT, BLIND_DARK, BLIND_LIGHT, PLAIN)
