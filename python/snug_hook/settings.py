"""What the command asks of the hook: the environment variable SNUG_HOOK, "key=value;key=value"."""

directory = ""  # where each process writes what it saw
# Where the program runs on a card that is not there: the folder that has a folder of stand-ins for
# each of CUDA's major versions; "" on a real card.
standins = ""
steps = 5  # optimizer steps after which the program ends; 0: at its own end
deadline = 0.0  # Unix time at which it ends; 0: none
fixes = ""  # a file with a list of fixes; "" for none
verify = ""  # "keep" what steps on the CPU find, or "compare" it with what was kept
verify_folder = ""
still = False  # without dropout
profile = False  # what each part of its networks keeps and computes is written, too


def read(text: str) -> bool:
    """Takes over the settings in |text|; False where there are none."""
    global directory, standins, steps, deadline, fixes, profile, verify, verify_folder
    global still
    values = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    directory = values.get("directory", "")
    standins = values.get("standins", "")
    steps = int(values.get("steps", "5"))
    deadline = float(values.get("deadline", "0"))
    fixes = values.get("fixes", "")
    profile = values.get("profile", "") == "1"
    still = values.get("still", "") == "1"
    verify, _, verify_folder = values.get("verify", "").partition(":")
    return bool(directory)
