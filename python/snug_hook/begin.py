"""What the hook does once PyTorch is imported."""

from __future__ import annotations

from typing import Any

from snug_hook import ending, marks, objects, places, private, recording, standins, steps
from snug_hook.guard import guarded


@guarded
def after_import(torch: Any) -> None:
    if standins.driver is None:
        return
    ending.torch = torch
    places.tell_reads()
    marks.install(torch)
    steps.install(torch)
    objects.install(torch)
    private.at_first_use(torch, lambda: recording.begin(torch))
