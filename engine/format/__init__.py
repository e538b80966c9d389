"""From a row to samples: one module a layout, and the detection of the layout."""
