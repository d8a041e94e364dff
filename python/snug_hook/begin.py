"""What the hook does once PyTorch is imported."""

from __future__ import annotations

import json
from typing import Any

from snug_hook import (
    ending,
    marks,
    objects,
    places,
    private,
    recording,
    settings,
    standins,
    steps,
)
from snug_hook.guard import guarded


@guarded
def apply_fixes(torch: Any) -> None:
    if not settings.fixes and not settings.profile:
        return
    import snug_fixes

    if settings.fixes:
        with open(settings.fixes, encoding="utf-8") as file:
            snug_fixes.apply(torch, json.load(file), dry_run=bool(settings.standins))
    if settings.profile:
        from snug_fixes import profile

        profile.install(torch)


@guarded
def after_import(torch: Any) -> None:
    apply_fixes(torch)
    if standins.driver is None and settings.standins:
        return
    ending.torch = torch
    places.tell_reads()
    marks.install(torch)
    steps.install(torch)
    objects.install(torch)
    if settings.verify:
        from snug_hook import verify

        verify.install(torch)
    private.at_first_use(torch, lambda: recording.begin(torch))
