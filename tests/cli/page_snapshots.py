#!/usr/bin/env python3
"""What the test of the explanation's page compares with: figures of snapshots, counted here a
second time and another way than snug does, and snapshots made for the page.

    page_snapshots.py figures FILE    prints peak, segments, live, awaiting, most reserved
    page_snapshots.py make FOLDER     writes special, no-trace and large .pickle

Only for snapshots of this repository's own making: unpickling a stranger's executes it.
"""

import pickle
import sys

MIB = 1 << 20


def blocks(snapshot, state):
    """Address to bytes. Older snapshots leave the addresses of blocks out."""
    found = {}
    for segment in snapshot["segments"]:
        address = segment["address"]
        for block in segment["blocks"]:
            if block["state"] == state:
                found[address] = block["size"]
            address += block["size"]
    return found


def walk(snapshot):
    """The figures, from the end of the trace backwards: of the last failure, else the peak."""
    trace = snapshot["device_traces"][0] if snapshot["device_traces"] else []
    live = blocks(snapshot, "active_allocated")
    segments = {segment["address"]: segment["total_size"] for segment in snapshot["segments"]}
    waiting = blocks(snapshot, "active_awaiting_free")
    states = []

    def note(action):
        states.append(
            (
                sum(live.values()),
                len(segments),
                sum(waiting.values()),
                action,
                sum(segments.values()),
            )
        )

    note(None)
    for entry in reversed(trace):
        action, address, size = entry["action"], entry.get("addr"), entry["size"]
        if action == "alloc":
            live.pop(address, None)
        elif action == "free_completed":
            waiting[address] = size
        elif action == "free_requested":
            waiting.pop(address, None)
            live[address] = size
        elif action in ("segment_alloc", "segment_map"):
            segments.pop(address, None)
        elif action in ("segment_free", "segment_unmap"):
            segments[address] = size
        note(action)
    states.reverse()  # states[p] is before entry p
    peak = max(state[0] for state in states)
    failures = [state for state in states if state[3] == "oom"]
    at = failures[-1] if failures else next(state for state in states if state[0] == peak)
    return peak, at, max(state[4] for state in states)


def frames(line, name="train.py"):
    return [{"filename": name, "line": line, "name": "step<b>"}]


def block(address, size, state, where=None):
    return {
        "address": address,
        "size": size,
        "requested_size": size,
        "state": state,
        "frames": where or [],
    }


def segment(address, size, kind, held, stream=0, pool=(0, 0)):
    return {
        "device": 0,
        "address": address,
        "total_size": size,
        "stream": stream,
        "segment_type": kind,
        "segment_pool_id": pool,
        "is_expandable": False,
        "blocks": held,
        "frames": [],
        "allocated_size": sum(b["size"] for b in held if b["state"] == "active_allocated"),
        "active_size": sum(b["size"] for b in held if b["state"] != "inactive"),
        "requested_size": 0,
    }


def special():
    """A block that waits for another stream, a private pool, and a name that HTML dislikes."""
    hostile = "</script><script>document.body.dataset.owned='yes'</script>\"'&.py"
    base, small, private = 0x7F0000000000, 0x7F0010000000, 0x7F0020000000
    segments = [
        segment(
            base,
            20 * MIB,
            "large",
            [
                block(base, 6 * MIB, "active_allocated", frames(7, hostile)),
                block(base + 6 * MIB, 4 * MIB, "active_awaiting_free"),
                block(base + 10 * MIB, 10 * MIB, "inactive"),
            ],
        ),
        segment(
            small,
            2 * MIB,
            "small",
            [block(small, MIB, "active_allocated", frames(9)), block(small + MIB, MIB, "inactive")],
        ),
        segment(
            private,
            2 * MIB,
            "small",
            [block(private, 2 * MIB, "active_allocated", frames(11))],
            7,
            (1, 0),
        ),
    ]
    steps = [
        ("segment_alloc", base, 20 * MIB),
        ("alloc", base, 6 * MIB),
        ("alloc", base + 6 * MIB, 4 * MIB),
        ("free_requested", base + 6 * MIB, 4 * MIB),
        ("oom", MIB, 12 * MIB),
    ]
    trace = [
        {
            "action": action,
            "device_free" if action == "oom" else "addr": address,
            "size": size,
            "stream": 0,
            "time_us": 1000 * i,
            "frames": frames(7, hostile),
        }
        for i, (action, address, size) in enumerate(steps)
    ]
    return {"segments": segments, "device_traces": [trace]}


def no_trace():
    return {"segments": special()["segments"], "device_traces": []}


def large():
    """More segments, blocks and entries than a page can draw."""
    segments, trace, address = [], [], 0x7F0000000000
    for i in range(1500):
        size = 2 * MIB if i % 3 else 64 * MIB
        made, at = [], address
        step = size // (32 if i % 3 else 64)
        trace.append(
            {"action": "segment_alloc", "addr": address, "size": size, "stream": 0, "frames": []}
        )
        while at < address + size:
            used = (at // step) % 5 != 0
            made.append(
                block(at, step, "active_allocated" if used else "inactive", frames(at // step % 40))
            )
            if used:
                trace.append(
                    {"action": "alloc", "addr": at, "size": step, "stream": 0, "frames": []}
                )
            at += step
        segments.append(segment(address, size, "small" if i % 3 else "large", made))
        address += 2 * size
    return {"segments": segments, "device_traces": [trace]}


def main():
    if sys.argv[1] == "figures":
        with open(sys.argv[2], "rb") as file:
            peak, (live, segments, pending, *_), reserved = walk(pickle.load(file))
        print(peak, segments, live, pending, reserved)
        return
    for name, make in (("special", special), ("no-trace", no_trace), ("large", large)):
        with open(f"{sys.argv[2]}/{name}.pickle", "wb") as file:
            pickle.dump(make(), file, protocol=4)


main()
