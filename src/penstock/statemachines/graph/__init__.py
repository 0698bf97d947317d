"""Seeing a state machine: its graph as an SVG or as Mermaid text, and the path that an execution took.

    draw = svg(definition, history=events_of(history))

model      what is drawn: boxes, arrows, what stands inside what
layout     where it stands: layers, and boxes inside boxes
svg        the picture
mermaid    the same as text
path       what a history says of each state and arrow

Pure: nothing is read or written, and the same definition gives the same text, byte for byte.
"""

from penstock.statemachines.graph.mermaid import mermaid
from penstock.statemachines.graph.path import Path, path_of
from penstock.statemachines.graph.svg import svg

__all__ = ["Path", "mermaid", "path_of", "svg"]
