"""Choices that are in the address too, so that a link shows what its sender saw.

The address has the keys of options, not their words: a link means the same in both languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGEST = 2**63 - 1
LONGEST = 120
"""Characters of a value that an address may add to a filter."""


def pick_one(widget: Callable[..., Any], label: str, options: Sequence[Any], *, key: str, default: Any,
             words: Callable[[Any], str], **options_of_widget: Any) -> Any:  # fmt: skip
    """Draw a widget of which one option is chosen, and return that.

    Args:
        widget: `st.pills`, `st.selectbox` or the like.
        label: What is chosen.
        options: What can be chosen.
        key: The name in the address.
        default: What is chosen at first; it is not in the address.
        words: The words of an option.
        options_of_widget: More arguments of the widget.
    """
    by_text = {str(each): each for each in options}
    _follow(key, lambda values: by_text.get(values[0], default) if values else default)
    chosen = widget(label, options, key=key, format_func=words, **options_of_widget)
    _note(key, [] if chosen == default else [str(chosen)])
    return chosen


def pick_many(widget: Callable[..., Any], label: str, options: Sequence[Any], *, key: str,
              default: Sequence[Any] = (), keeps: bool = False, **options_of_widget: Any) -> list[Any]:  # fmt: skip
    """Draw a widget of which any number of options is chosen, and return those. Arguments as `pick_one`.

    With `keeps` a chosen value stays although it is none of the options. A filter does: if it went away with another
    list, the viewer would take all games of that list for those of the filter.
    """
    by_text = {str(each): each for each in options}
    _follow(key, lambda values: values or list(default))
    kept = [by_text.get(str(each), str(each)) for each in st.session_state[key]]
    others = [each for each in kept if str(each) not in by_text and keeps and len(each) <= LONGEST]
    options = [*options, *others]
    st.session_state[key] = [each for each in kept if each in options]
    chosen = list(widget(label, options, key=key, **options_of_widget))
    _note(key, [] if chosen == list(default) else [str(each) for each in chosen])
    return chosen


def _follow(key: str, read: Callable[[list[str]], Any]) -> None:
    """Take the value from the address, if that was changed by something else than the widget."""
    values = st.query_params.get_all(key)
    if key not in st.session_state or values != st.session_state.get(f"{key} in the address"):
        st.session_state[key] = read(values)


def _note(key: str, values: list[str]) -> None:
    if values:
        st.query_params[key] = values
    elif key in st.query_params:
        del st.query_params[key]
    st.session_state[f"{key} in the address"] = values


def ids(name: str, most: int = 1) -> list[int]:
    """Return the ids that the address lists, separated by commas; what is no id is left out."""
    words = str(st.query_params.get(name, "")).split(",")
    found = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 20]
    return list(dict.fromkeys(each for each in found if each <= LARGEST))[:most]
