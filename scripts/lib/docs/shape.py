"""Whether what a document shows has the form of what was answered."""

import json
import re


def values(text):
    """The JSON values in a text, one after the other, whatever stands between them."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while (start := re.compile(r"[{\[]").search(text, place)) is not None:
        try:
            value, place = decoder.raw_decode(text, start.start())
            found.append(value)
        except ValueError:
            place = start.end()
    return found


def is_error(value):
    return isinstance(value, dict) and {"error", "message", "timestamp", "path"} <= value.keys()


def difference(shown, seen, place="it"):
    """None when they have one form: the same keys, and values of the same kind.

    `{}`, `[]` and null are of any form; an object with the key "…" has more than it shows."""
    if shown is None or seen is None:
        return None
    if kind(shown) != kind(seen):
        return f"{place} is {kind(seen)}, shown is {kind(shown)}"
    if isinstance(shown, dict) and shown:
        missing, more = shown.keys() - seen.keys() - {"…"}, seen.keys() - shown.keys()
        if "…" in shown:
            shown, more = {key: value for key, value in shown.items() if key != "…"}, set()
        if missing or more:
            return f"{place}: not answered {sorted(missing)}, not shown {sorted(more)}"
        return first(difference(shown[key], seen[key], f"{place}.{key}") for key in shown)
    if isinstance(shown, list) and shown and not seen:
        # Not every entry of a list has entries of its own.
        return None if "[]" in place else f"{place} is empty"
    if isinstance(shown, list) and shown:
        # One of those that came is as the first that is shown.
        problems = [difference(shown[0], one, f"{place}[]") for one in seen]
        return None if None in problems else problems[0]
    return None


def kind(value):
    if isinstance(value, bool):
        return "true or false"
    for types, name in [((int, float), "a number"), (str, "a text"), (list, "a list"), (dict, "an object")]:
        if isinstance(value, types):
            return name
    return "null"


def first(problems):
    return next((problem for problem in problems if problem is not None), None)


def matches(shown, seen):
    """A printed text, with … for what differs from run to run; space is space."""
    words = [r"\s+".join(re.escape(word) for word in part.split()) for part in shown.split("…")]
    pattern = r"\s*.*?\s*".join(words)
    return re.fullmatch(r"\s*" + pattern + r"\s*", seen, re.DOTALL) is not None
